set -e
go build -o bin/app .
go test -c -o bin/blackbox ./blackbox
