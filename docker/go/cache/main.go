// Command harness-gocache is a build cache in two layers for the go command (GOCACHEPROG, "go help cacheprog"): the
// warm one of the image, read-only, below what a sandbox compiles itself. Go alone does not accept a cache it cannot
// write to, and a copy of the warm one would fill the sandbox.
package main

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	upper = "/box/.cache/go-layer"
	lower = "/usr/local/share/go/build"
)

type request struct {
	ID       int64
	Command  string
	ActionID []byte
	OutputID []byte
	BodySize int64
}

type response struct {
	ID            int64
	Err           string     `json:",omitempty"`
	KnownCommands []string   `json:",omitempty"`
	Miss          bool       `json:",omitempty"`
	OutputID      []byte     `json:",omitempty"`
	Size          int64      `json:",omitempty"`
	Time          *time.Time `json:",omitempty"`
	DiskPath      string     `json:",omitempty"`
}

func main() {
	out := bufio.NewWriter(os.Stdout)
	var lock sync.Mutex
	say := func(answer response) {
		lock.Lock()
		defer lock.Unlock()
		if json.NewEncoder(out).Encode(answer) != nil || out.Flush() != nil {
			os.Exit(1)
		}
	}
	say(response{KnownCommands: []string{"get", "put", "close"}})
	in := json.NewDecoder(bufio.NewReader(os.Stdin))
	for {
		var asked request
		if err := in.Decode(&asked); err != nil {
			return
		}
		var body []byte
		if asked.Command == "put" && asked.BodySize > 0 {
			if err := in.Decode(&body); err != nil {
				return
			}
		}
		answer := response{ID: asked.ID}
		switch asked.Command {
		case "get":
			answer = get(asked)
		case "put":
			path, err := put(asked, body)
			answer.DiskPath = path
			if err != nil {
				answer.Err = err.Error()
			}
		case "close":
			say(answer)
			return
		default:
			answer.Err = "unknown command " + asked.Command
		}
		say(answer)
	}
}

func name(layer string, id []byte, kind string) string {
	text := hex.EncodeToString(id)
	return filepath.Join(layer, text[:2], text+kind)
}

// get finds an entry in either layer. Both have the layout of Go's own cache, so the lower one is made by go build.
func get(asked request) response {
	for _, layer := range []string{upper, lower} {
		entry, err := os.ReadFile(name(layer, asked.ActionID, "-a"))
		if err != nil {
			continue
		}
		fields := strings.Fields(string(entry))
		if len(fields) != 5 || fields[0] != "v1" {
			continue
		}
		output, errOutput := hex.DecodeString(fields[2])
		size, errSize := strconv.ParseInt(fields[3], 10, 64)
		stamp, errStamp := strconv.ParseInt(fields[4], 10, 64)
		if errors.Join(errOutput, errSize, errStamp) != nil || len(output) == 0 {
			continue
		}
		path := name(layer, output, "-d")
		if info, err := os.Stat(path); err != nil || info.Size() != size {
			continue
		}
		when := time.Unix(0, stamp)
		return response{ID: asked.ID, OutputID: output, Size: size, Time: &when, DiskPath: path}
	}
	return response{ID: asked.ID, Miss: true}
}

func put(asked request, body []byte) (string, error) {
	if len(asked.ActionID) == 0 || len(asked.OutputID) == 0 {
		return "", errors.New("put without an id")
	}
	path := name(upper, asked.OutputID, "-d")
	if err := write(path, body); err != nil {
		return "", err
	}
	entry := fmt.Sprintf("v1 %x %x %20d %20d\n", asked.ActionID, asked.OutputID, len(body), time.Now().UnixNano())
	return path, write(name(upper, asked.ActionID, "-a"), []byte(entry))
}

// write puts data in place whole or not at all: several go commands may share the layer.
func write(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(path), "new-")
	if err != nil {
		return err
	}
	_, err = io.Copy(file, bytes.NewReader(data))
	err = errors.Join(err, file.Close())
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		_ = os.Remove(file.Name())
	}
	return err
}
