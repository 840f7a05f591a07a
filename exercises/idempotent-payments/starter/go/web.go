package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"

	"github.com/jackc/pgx/v5/pgxpool"
)

const maxBody = 64 << 10

// Web turns requests into calls of Charges, and their results into JSON.
type Web struct {
	db       *pgxpool.Pool
	charges  *Charges
	settings Settings
}

// NewWeb returns the routes of the service.
func NewWeb(db *pgxpool.Pool, charges *Charges, settings Settings) http.Handler {
	web := &Web{db: db, charges: charges, settings: settings}
	routes := http.NewServeMux()
	routes.HandleFunc("GET /health", answer(web.health))
	routes.HandleFunc("POST /charges", answer(web.create))
	routes.HandleFunc("GET /charges/{id}", answer(web.read))
	routes.HandleFunc("GET /ledger", answer(web.ledger))
	routes.HandleFunc("POST /webhooks/psp", answer(web.webhook))
	return routes
}

func (web *Web) health(r *http.Request) (int, any, error) {
	if err := web.db.Ping(r.Context()); err != nil {
		return 0, nil, err
	}
	return http.StatusOK, map[string]string{"status": "ok"}, nil
}

func (web *Web) create(r *http.Request) (int, any, error) {
	key := r.Header.Get("Idempotency-Key")
	if err := CheckKey(key); err != nil {
		return 0, nil, err
	}
	body, err := readBody(r)
	if err != nil {
		return 0, nil, err
	}
	order, err := ParseOrder(body)
	if err != nil {
		return 0, nil, err
	}
	charge, err := web.charges.Create(r.Context(), key, order)
	if err != nil {
		return 0, nil, err
	}
	if charge.Status == "pending" {
		return http.StatusAccepted, web.view(charge), nil
	}
	return http.StatusCreated, web.view(charge), nil
}

func (web *Web) read(r *http.Request) (int, any, error) {
	charge, err := web.charges.Get(r.Context(), r.PathValue("id"))
	return http.StatusOK, web.view(charge), err
}

func (web *Web) ledger(r *http.Request) (int, any, error) {
	merchant := r.URL.Query().Get("merchant")
	if merchant == "" {
		return 0, nil, badRequest("expected /ledger?merchant=NAME")
	}
	entries, totals, err := web.charges.Ledger(r.Context(), merchant)
	if err != nil {
		return 0, nil, err
	}
	list := []map[string]string{}
	for _, entry := range entries {
		list = append(list, map[string]string{"charge": entry.Charge, "amount": entry.Amount, "currency": entry.Currency})
	}
	return http.StatusOK, map[string]any{"merchant": merchant, "entries": list, "totals": totals}, nil
}

func (web *Web) webhook(r *http.Request) (int, any, error) {
	body, err := readBody(r)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, map[string]string{"status": "taken"}, web.charges.Webhook(r.Context(), body)
}

// view is a charge as the API shows it.
func (web *Web) view(charge Charge) map[string]string {
	status := charge.Status
	if status == "captured" {
		status = web.settings.CapturedState
	}
	amount := FormatAmount(big.NewInt(charge.AmountMinor), charge.Currency)
	return map[string]string{"id": charge.ID, "merchant": charge.Merchant, "amount": amount, "currency": charge.Currency, "status": status}
}

func readBody(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return nil, badRequest("body: %v", err)
	}
	if len(body) > maxBody {
		return nil, badRequest("body: expected at most %d bytes", maxBody)
	}
	return body, nil
}

// httpError is an error the client is told about; any other error is answered 503.
type httpError struct {
	status int
	text   string
}

func (e httpError) Error() string { return e.text }

func badRequest(format string, args ...any) error {
	return httpError{400, fmt.Sprintf(format, args...)}
}
func notFound(format string, args ...any) error { return httpError{404, fmt.Sprintf(format, args...)} }
func notImplemented(format string, args ...any) error {
	return httpError{501, fmt.Sprintf(format, args...)}
}
func badGateway(format string, args ...any) error {
	return httpError{502, fmt.Sprintf(format, args...)}
}

// answer writes what a handler returns as JSON.
func answer(handle func(*http.Request) (int, any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		status, body, err := handle(r)
		if err != nil {
			known := httpError{status: http.StatusServiceUnavailable, text: "the database is not available"}
			if !errors.As(err, &known) {
				logf("ERROR", "%s %s: %v", r.Method, r.URL.Path, err)
			}
			status, body = known.status, map[string]string{"error": known.text}
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(body)
	}
}
