set -e
go build -o bin/app .
# Compiled here, so that running your tests needs no compiler.
go test -c -o bin/tests ./tests
