package main

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"path"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

//go:embed migrations/*.sql
var migrations embed.FS

const (
	poolSize       = 20
	migrationsLock = 7001 // any number: two processes that start at once migrate one after the other
)

// Database is a pgx pool that replaces dead connections, so it recovers when the database was away.
// A statement outside a transaction commits by itself; after an error it may or may not have been done.
type Database struct {
	*pgxpool.Pool
	migrated atomic.Bool
}

// OpenDatabase connects on demand, not yet.
func OpenDatabase(ctx context.Context, url string) (*Database, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("DATABASE_URL: %w", err)
	}
	config.MaxConns = poolSize
	config.ConnConfig.ConnectTimeout = 2 * time.Second
	config.ConnConfig.RuntimeParams["statement_timeout"] = "3000"
	pool, err := pgxpool.NewWithConfig(ctx, config)
	return &Database{Pool: pool}, err
}

// Ready says whether the schema is there and the database answers.
func (db *Database) Ready(ctx context.Context) error {
	if !db.migrated.Load() {
		return fmt.Errorf("not migrated yet")
	}
	return db.Ping(ctx)
}

// Migrate runs what is new in migrations/; it returns when that is done, however long the database is away.
func (db *Database) Migrate(ctx context.Context) {
	for ctx.Err() == nil {
		err := pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error { return migrate(ctx, tx) })
		if err == nil {
			db.migrated.Store(true)
			return
		}
		logf("WARNING", "cannot migrate yet: %v", err)
		time.Sleep(200 * time.Millisecond)
	}
}

func migrate(ctx context.Context, tx pgx.Tx) error {
	if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", migrationsLock); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "CREATE TABLE IF NOT EXISTS migrations (name text PRIMARY KEY)"); err != nil {
		return err
	}
	files, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return err
	}
	for _, file := range files {
		name := path.Base(file)
		tag, err := tx.Exec(ctx, "INSERT INTO migrations VALUES ($1) ON CONFLICT DO NOTHING", name)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			continue
		}
		statements, err := migrations.ReadFile(file)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, string(statements), pgx.QueryExecModeSimpleProtocol); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		logf("INFO", "migrated %s", name)
	}
	return nil
}
