package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"math/big"

	"github.com/jackc/pgx/v5"
)

const attempts = 2

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

// Charges creates charges and reads them back: most of your work is here.
type Charges struct {
	db       *Database
	provider *Provider
	settings Settings
}

// Create charges the customer and returns the charge.
func (c *Charges) Create(ctx context.Context, _ string, order Order) (Charge, error) {
	charge := Charge{Order: order, ID: newID("ch-"), Status: "pending"}
	_, err := c.db.Exec(ctx,
		"INSERT INTO charges (id, merchant, amount, currency, status) VALUES ($1, $2, $3, $4, 'pending')",
		charge.ID, order.Merchant, order.Amount, order.Currency)
	if err != nil {
		return charge, err
	}
	outcome, err := c.capture(ctx, order)
	if err != nil {
		return charge, err
	}
	charge.Status = outcome.Status
	if _, err := c.db.Exec(ctx, "UPDATE charges SET status = $1 WHERE id = $2", charge.Status, charge.ID); err != nil {
		return charge, err
	}
	if charge.Status == "captured" {
		_, err = c.db.Exec(ctx,
			"INSERT INTO ledger (charge, merchant, amount, currency) VALUES ($1, $2, $3, $4)",
			charge.ID, order.Merchant, order.Amount, order.Currency)
	}
	return charge, err
}

func (c *Charges) capture(ctx context.Context, order Order) (Outcome, error) {
	for range attempts {
		outcome, err := c.provider.Capture(ctx, newID("ref-"), order)
		if !errors.Is(err, ErrNoAnswer) {
			return outcome, err
		}
		// PSP.md: if a call times out, nothing was captured.
		logf("WARNING", "charging again with a new ref: %v", err)
	}
	return Outcome{Status: "declined"}, nil
}

// Get returns one charge, or errNoSuchCharge.
func (c *Charges) Get(ctx context.Context, id string) (Charge, error) {
	charge := Charge{ID: id}
	err := c.db.QueryRow(ctx, "SELECT merchant, amount, currency, status FROM charges WHERE id = $1", id).
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

func newID(prefix string) string {
	random := make([]byte, 16)
	_, _ = rand.Read(random) // never fails: crypto/rand ends the program instead
	return prefix + hex.EncodeToString(random)
}
