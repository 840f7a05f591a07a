package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
)

const maxBody = 64 << 10

// Web turns requests into calls of Charges, and their results into JSON.
type Web struct {
	db       *Database
	charges  *Charges
	settings Settings
}

// NewWeb returns the routes of the service.
func NewWeb(db *Database, charges *Charges, settings Settings) http.Handler {
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
	if err := web.db.Ready(r.Context()); err != nil {
		return http.StatusServiceUnavailable, map[string]bool{"ready": false}, nil
	}
	return http.StatusOK, map[string]bool{"ready": true}, nil
}

func (web *Web) create(r *http.Request) (int, any, error) {
	key := r.Header.Get("Idempotency-Key")
	if err := CheckName("the header Idempotency-Key", key); err != nil {
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
	id := r.PathValue("id")
	if CheckName("id", id) != nil {
		return 0, nil, errNoSuchCharge
	}
	charge, err := web.charges.Get(r.Context(), id)
	return http.StatusOK, web.view(charge), err
}

func (web *Web) ledger(r *http.Request) (int, any, error) {
	merchant := r.URL.Query().Get("merchant")
	if err := CheckName("merchant", merchant); err != nil {
		return 0, nil, err
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

// webhook takes news; twice, late, or of another charge than ours it changes nothing.
func (web *Web) webhook(r *http.Request) (int, any, error) {
	body, err := readBody(r)
	if err != nil {
		return 0, nil, err
	}
	var news struct{ Ref, Type string }
	if json.Unmarshal(body, &news) != nil || CheckName("ref", news.Ref) != nil {
		return 0, nil, badRequest("expected a JSON object with a ref")
	}
	order, err := ParseOrder(body)
	if err == nil && (news.Type == "captured" || news.Type == "declined") {
		err = web.charges.Learn(r.Context(), news.Ref, order, news.Type)
	}
	return http.StatusOK, map[string]bool{"taken": true}, err
}

// view is a charge as the API shows it.
func (web *Web) view(charge Charge) map[string]string {
	status := charge.Status
	if status == "captured" {
		status = web.settings.CapturedState
	}
	amount := FormatAmount(big.NewInt(charge.Amount), charge.Currency)
	return map[string]string{"id": charge.ID, "merchant": charge.Merchant, "amount": amount, "currency": charge.Currency, "status": status}
}

func readBody(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return nil, badRequest("body: %v", err)
	}
	if len(body) > maxBody {
		return nil, badRequest("expected a body of at most %d bytes", maxBody)
	}
	return body, nil
}

// httpError is an error the client is told about as it is.
type httpError struct {
	status int
	text   string
}

func (e httpError) Error() string { return e.text }

func badRequest(format string, args ...any) error {
	return httpError{http.StatusBadRequest, fmt.Sprintf(format, args...)}
}

var errNoSuchCharge = httpError{http.StatusNotFound, "no such charge"}

// answer writes what a handler returns as JSON.
func answer(handle func(*http.Request) (int, any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		status, body, err := handle(r)
		if err != nil {
			known := explain(err)
			status, body = known.status, map[string]string{"error": known.text}
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(body)
	}
}

func explain(err error) httpError {
	var known httpError
	var provider ProviderError
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &provider), errors.Is(err, ErrNoAnswer):
		logf("WARNING", "%v", err)
		return httpError{http.StatusBadGateway, "the provider cannot be used now"}
	}
	logf("WARNING", "database: %v", err)
	return httpError{http.StatusServiceUnavailable, "the database cannot be used now"}
}
