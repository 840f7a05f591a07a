module cache

go 1.25.0
