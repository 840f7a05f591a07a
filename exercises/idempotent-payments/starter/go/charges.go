package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"math/big"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
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

// Charges is the naive logic: what you are asked to make safe.
type Charges struct {
	db       *pgxpool.Pool
	provider *Provider
	settings Settings
}

// Create stores a new charge and captures it at the provider.
func (c *Charges) Create(ctx context.Context, key string, order Order) (Charge, error) {
	charge := Charge{Order: order, ID: newID("ch-"), Status: "pending"}
	_, err := c.db.Exec(ctx,
		"INSERT INTO charges (id, merchant, idempotency_key, amount_minor, currency, status) VALUES ($1, $2, $3, $4, $5, $6)",
		charge.ID, order.Merchant, key, order.AmountMinor, order.Currency, charge.Status)
	if err != nil {
		return charge, err
	}
	charge.Status, err = c.capture(ctx, charge)
	if err != nil {
		return charge, badGateway("%v", err)
	}
	_, err = c.db.Exec(ctx, "UPDATE charges SET status = $2 WHERE id = $1", charge.ID, charge.Status)
	logf("INFO", "charge %s %s", charge.ID, charge.Status)
	return charge, err
}

// capture tries twice. PSP.md: if a call times out, nothing was captured and a new ref may be used.
func (c *Charges) capture(ctx context.Context, charge Charge) (string, error) {
	for attempt := 1; attempt <= 2; attempt++ {
		outcome, err := c.provider.Capture(ctx, newID("ref-"), charge.Order)
		if err == nil {
			return outcome.Status, nil
		}
		logf("WARNING", "charge %s: attempt %d: %v", charge.ID, attempt, err)
		if !errors.Is(err, ErrNoAnswer) {
			return "", err
		}
	}
	return "declined", nil
}

// Webhook takes news from the provider.
func (c *Charges) Webhook(_ context.Context, _ []byte) error {
	return notImplemented("webhooks are not implemented")
}

// Get returns one charge, or a 404.
func (c *Charges) Get(ctx context.Context, id string) (Charge, error) {
	charge := Charge{ID: id}
	err := c.db.QueryRow(ctx, "SELECT merchant, amount_minor, currency, status FROM charges WHERE id = $1", id).
		Scan(&charge.Merchant, &charge.AmountMinor, &charge.Currency, &charge.Status)
	if errors.Is(err, pgx.ErrNoRows) {
		return charge, notFound("no charge %q", id)
	}
	return charge, err
}

// Ledger returns the captured charges of a merchant and their exact totals.
func (c *Charges) Ledger(ctx context.Context, merchant string) ([]Entry, map[string]string, error) {
	rows, err := c.db.Query(ctx,
		"SELECT id, amount_minor, currency FROM charges WHERE merchant = $1 AND status = 'captured' ORDER BY created_at", merchant)
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

func newID(prefix string) string {
	random := make([]byte, 16)
	_, _ = rand.Read(random) // never fails: crypto/rand ends the program instead
	return prefix + hex.EncodeToString(random)
}
