// Command app takes charges and captures them at a payment provider.
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := run(ctx); err != nil {
		logf("ERROR", "%v", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	settings, err := ReadSettings()
	if err != nil {
		return err
	}
	db, err := OpenDatabase(ctx, settings.DatabaseURL)
	if err != nil {
		return err
	}
	defer db.Close()
	outbox := &Outbox{db: db, provider: NewProvider(settings), settings: settings, wake: make(chan struct{}, 1)}
	go func() {
		db.Migrate(ctx)
		outbox.Run(ctx)
	}()
	charges := &Charges{db: db, outbox: outbox, settings: settings}
	server := &http.Server{
		Addr:              ":" + settings.Port,
		Handler:           NewWeb(db, charges, settings),
		ReadHeaderTimeout: 5 * time.Second,
	}
	context.AfterFunc(ctx, func() {
		deadline, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = server.Shutdown(deadline)
	})
	logf("INFO", "listening on %s", server.Addr)
	if err := server.ListenAndServe(); err != http.ErrServerClosed {
		return err
	}
	return nil
}

// logf writes one event to stderr.
func logf(level, format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%s %s %s\n", time.Now().Format("2006-01-02T15:04:05"), level, fmt.Sprintf(format, args...))
}
