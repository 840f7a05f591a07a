package main

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

//go:embed migrations/*.sql
var migrations embed.FS

const poolSize = 16

// OpenDatabase returns a pool with all migrations applied. It waits for the database as long as ctx lives.
// The pool replaces connections that died, so it survives a restart of the database.
func OpenDatabase(ctx context.Context, url string) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("DATABASE_URL: %w", err)
	}
	config.MaxConns = poolSize
	config.ConnConfig.ConnectTimeout = 2 * time.Second
	db, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	for {
		err := migrate(ctx, db)
		if err == nil {
			return db, nil
		}
		logf("WARNING", "database not ready: %v", err)
		select {
		case <-ctx.Done():
			db.Close()
			return nil, ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// migrate applies the files of migrations/ that were not applied before, in the order of their names, in one transaction.
func migrate(ctx context.Context, db *pgxpool.Pool) error {
	names, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		setup := "SELECT pg_advisory_xact_lock(4711); CREATE TABLE IF NOT EXISTS schema_migrations (name text PRIMARY KEY)"
		if _, err := tx.Exec(ctx, setup, pgx.QueryExecModeSimpleProtocol); err != nil {
			return err
		}
		for _, name := range names {
			tag, err := tx.Exec(ctx, "INSERT INTO schema_migrations VALUES ($1) ON CONFLICT DO NOTHING", name)
			if err != nil {
				return err
			}
			if tag.RowsAffected() == 0 {
				continue
			}
			statements, err := migrations.ReadFile(name)
			if err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, string(statements), pgx.QueryExecModeSimpleProtocol); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		return nil
	})
}
