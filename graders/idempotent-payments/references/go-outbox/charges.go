package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"math/big"
	"time"

	"github.com/jackc/pgx/v5"
)

// Charge is an order and what became of it.
type Charge struct {
	Order
	ID     string
	Status string // "pending", "captured" or "declined"
}

// Entry is one captured charge of a merchant.
type Entry struct {
	Charge, Amount, Currency string
}

// Charges takes orders; the outbox settles them.
type Charges struct {
	db       *Database
	outbox   *Outbox
	settings Settings
}

// Create stores charge and outbox row in one commit unless the key is known, and waits a while for the outcome.
func (c *Charges) Create(ctx context.Context, key string, order Order) (Charge, error) {
	// A client that hangs up does not stop its charge.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*c.settings.ProviderTimeout+500*time.Millisecond)
	defer cancel()
	id := chargeID(order.Merchant, key)
	settled := c.outbox.Settled(id)
	_, err := c.db.Exec(ctx, `
		WITH made AS (INSERT INTO charges VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING RETURNING id)
		INSERT INTO outbox (charge) SELECT id FROM made`,
		id, order.Merchant, key, order.Amount, order.Currency)
	if err != nil {
		return Charge{}, err
	}
	c.outbox.Wake()
	charge, err := c.Get(ctx, id)
	switch {
	case err != nil:
		return charge, err
	case charge.Order != order:
		return charge, httpError{c.settings.ConflictStatus, "this Idempotency-Key came with another body before"}
	case charge.Status != "pending":
		c.outbox.announce(id) // settled before we asked to be told
		return charge, nil
	}
	select {
	case <-settled:
	case <-time.After(2*c.settings.ProviderTimeout + 250*time.Millisecond):
	}
	return c.Get(ctx, id)
}

// Learn takes the provider's word for how a charge ended; about anything but one of our charges it changes nothing.
func (c *Charges) Learn(ctx context.Context, id string, order Order, status string) error {
	charge, err := c.Get(ctx, id)
	if errors.Is(err, errNoSuchCharge) || err == nil && charge.Order != order {
		return nil
	}
	if err == nil {
		err = c.outbox.settle(ctx, id, status)
		c.outbox.announce(id)
	}
	return err
}

// Get returns one charge, or errNoSuchCharge.
func (c *Charges) Get(ctx context.Context, id string) (Charge, error) {
	charge := Charge{ID: id}
	err := c.db.QueryRow(ctx, `
		SELECT merchant, amount, currency, COALESCE(status, 'pending')
		FROM charges LEFT JOIN outcomes ON charge = id WHERE id = $1`, id).
		Scan(&charge.Merchant, &charge.Amount, &charge.Currency, &charge.Status)
	if errors.Is(err, pgx.ErrNoRows) {
		return charge, errNoSuchCharge
	}
	return charge, err
}

// Ledger returns the captured charges of a merchant and their exact totals.
func (c *Charges) Ledger(ctx context.Context, merchant string) ([]Entry, map[string]string, error) {
	rows, err := c.db.Query(ctx, "SELECT charge, amount, currency FROM ledger WHERE merchant = $1", merchant)
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	entries, sums, totals := []Entry{}, map[string]*big.Int{}, map[string]string{}
	for rows.Next() {
		var id, currency string
		var minor int64
		if err := rows.Scan(&id, &minor, &currency); err != nil {
			return nil, nil, err
		}
		amount := big.NewInt(minor)
		entries = append(entries, Entry{Charge: id, Amount: FormatAmount(amount, currency), Currency: currency})
		if sums[currency] == nil {
			sums[currency] = new(big.Int)
		}
		totals[currency] = FormatAmount(sums[currency].Add(sums[currency], amount), currency)
	}
	return entries, totals, rows.Err()
}

// chargeID is the same for the same merchant and key, and so is the provider's ref.
func chargeID(merchant, key string) string {
	sum := sha256.Sum256([]byte(merchant + " " + key)) // neither has a space
	return "ch-" + hex.EncodeToString(sum[:16])
}
