// Command warm imports what services of the exercises use, so that the build cache holds it compiled.
package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"embed"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"log"
	"log/slog"
	"maps"
	"math/big"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
	_ "github.com/jackc/pgx/v5/stdlib"
)

//go:embed main.go
var source embed.FS

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	pool, err := pgxpool.New(ctx, os.Getenv("DATABASE_URL"))
	if err != nil {
		log.Fatal(err)
	}
	db, _ := sql.Open("pgx", os.Getenv("DATABASE_URL"))
	http.HandleFunc("GET /health", func(w http.ResponseWriter, r *http.Request) {
		var one pgtype.Int4
		err := pgx.BeginFunc(r.Context(), pool, func(tx pgx.Tx) error {
			return tx.QueryRow(r.Context(), "select 1").Scan(&one)
		})
		var failure *pgconn.PgError
		if errors.As(err, &failure) {
			slog.Error("database", "code", failure.Code)
		}
		_ = json.NewEncoder(w).Encode(use(r.Context(), db))
	})
	log.Fatal(http.ListenAndServe(net.JoinHostPort("", os.Getenv("PORT")), nil))
}

func use(ctx context.Context, db *sql.DB) map[string]any {
	text, _ := source.ReadFile("main.go")
	sum := hmac.New(sha256.New, text)
	_, _ = io.Copy(sum, bufio.NewReader(bytes.NewReader(text)))
	_, _ = io.ReadFull(rand.Reader, make([]byte, 8))
	amount, _ := new(big.Rat).SetString("1.10")
	var once sync.Once
	var counter atomic.Int64
	once.Do(func() { counter.Add(1) })
	table := fnv.New64a()
	keys := slices.Sorted(maps.Keys(map[string]int{"a": mathrand.IntN(3)}))
	sort.Strings(keys)
	number, _ := strconv.Atoi("1")
	address, _ := url.Parse("http://localhost")
	_ = httputil.NewSingleHostReverseProxy(address)
	return map[string]any{
		"sum": hex.EncodeToString(sum.Sum(nil)), "time": time.Now(), "amount": amount.FloatString(2),
		"text": base64.StdEncoding.EncodeToString(text), "table": table.Sum64(), "number": number,
		"match": regexp.MustCompile("a+").FindString(strings.Join(keys, "")), "ping": fmt.Sprint(db.PingContext(ctx)),
		"base": filepath.Base("/a/b"),
	}
}
