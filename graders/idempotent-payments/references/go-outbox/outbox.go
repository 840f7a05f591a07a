package main

import (
	"context"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// Outbox settles every charge that has a row in the outbox, however often this process or the database dies.
// A charge has one ref for ever, so asking the provider once too often is harmless.
type Outbox struct {
	db       *Database
	provider *Provider
	settings Settings
	wake     chan struct{}
	waiting  sync.Map // charge id -> channel that is closed when it is settled
}

type job struct {
	Charge
	attempts int
}

// Run claims and works off rows that are due until ctx ends.
func (o *Outbox) Run(ctx context.Context) {
	_ = o.exec(ctx, "UPDATE outbox SET due_at = now()") // leases of a process that was killed
	free := make(chan struct{}, 64)                     // provider calls at a time
	for ctx.Err() == nil {
		jobs, err := o.claim(ctx, cap(free)-len(free))
		if err != nil {
			logf("WARNING", "outbox: %v", err)
		}
		for _, job := range jobs {
			free <- struct{}{}
			go func() {
				o.work(ctx, job)
				<-free
			}()
		}
		select {
		case <-ctx.Done():
		case <-o.wake:
		case <-time.After(o.settings.Reconcile / 4):
		}
	}
}

// Wake makes Run look at once.
func (o *Outbox) Wake() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// Settled returns a channel that is closed when a charge gets settled from now on.
func (o *Outbox) Settled(id string) <-chan struct{} {
	channel, _ := o.waiting.LoadOrStore(id, make(chan struct{}))
	return channel.(chan struct{})
}

func (o *Outbox) announce(id string) {
	if channel, found := o.waiting.LoadAndDelete(id); found {
		close(channel.(chan struct{}))
	}
}

func (o *Outbox) claim(ctx context.Context, limit int) ([]job, error) {
	lease := 2*o.settings.ProviderTimeout + 500*time.Millisecond
	rows, err := o.db.Query(ctx, `
		UPDATE outbox SET due_at = now() + $2, attempts = attempts + 1 FROM charges
		WHERE charges.id = charge AND charge IN (
			SELECT charge FROM outbox WHERE due_at <= now() ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED)
		RETURNING id, merchant, amount, currency, attempts`, limit, lease)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (found job, err error) {
		err = row.Scan(&found.ID, &found.Merchant, &found.Amount, &found.Currency, &found.attempts)
		return found, err
	})
}

func (o *Outbox) work(ctx context.Context, job job) {
	outcome, err := o.ask(ctx, job)
	if err != nil {
		pause := min(50*time.Millisecond<<min(job.attempts, 10), o.settings.Reconcile)
		logf("WARNING", "charge %s, attempt %d: %v", job.ID, job.attempts, err)
		_ = o.exec(ctx, "UPDATE outbox SET due_at = now() + $2 WHERE charge = $1", job.ID, pause) // else the lease ends
		time.AfterFunc(pause, o.Wake)
		return
	}
	for o.settle(ctx, job.ID, outcome.Status) != nil && ctx.Err() == nil {
		time.Sleep(100 * time.Millisecond)
	}
	o.announce(job.ID)
}

// ask returns an outcome only when the provider stated it. A timeout proves nothing, whatever PSP.md says.
func (o *Outbox) ask(ctx context.Context, job job) (*Outcome, error) {
	if job.attempts > 1 {
		if outcome, err := o.provider.Find(ctx, job.ID); err != nil || outcome != nil {
			return outcome, err
		}
	}
	outcome, err := o.provider.Capture(ctx, job.ID, job.Order)
	if err == nil {
		return &outcome, nil
	}
	if found, _ := o.provider.Find(ctx, job.ID); found != nil {
		return found, nil
	}
	return nil, err
}

// settle is one statement, so one commit: the outcome is there and the outbox row is gone, or neither.
func (o *Outbox) settle(ctx context.Context, id, status string) error {
	return o.exec(ctx, `
		WITH done AS (DELETE FROM outbox WHERE charge = $1)
		INSERT INTO outcomes VALUES ($1, $2) ON CONFLICT DO NOTHING`, id, status)
}

func (o *Outbox) exec(ctx context.Context, statement string, args ...any) error {
	_, err := o.db.Exec(ctx, statement, args...)
	return err
}
