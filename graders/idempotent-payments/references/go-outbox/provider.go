package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"time"
)

// Outcome is how the provider says a ref ended.
type Outcome struct {
	Status  string `json:"status"` // "captured" or "declined"
	Capture string `json:"capture"`
}

// ErrNoAnswer means no complete answer in time: none at all, too slow, cut off, or not understood.
var ErrNoAnswer = errors.New("no complete answer from the provider")

// ProviderError is an answer of 429 or 5xx.
type ProviderError struct {
	Status int
}

func (e ProviderError) Error() string {
	return fmt.Sprintf("the provider answered %d", e.Status)
}

// Provider is a client of the payment provider (PSP.md). Connections are kept; one deadline holds for a whole call.
type Provider struct {
	url  string
	http *http.Client
}

// NewProvider keeps connections open between calls.
func NewProvider(settings Settings) *Provider {
	transport := &http.Transport{MaxIdleConns: 64, MaxIdleConnsPerHost: 64, IdleConnTimeout: 30 * time.Second}
	return &Provider{url: settings.ProviderURL, http: &http.Client{Transport: transport, Timeout: settings.ProviderTimeout}}
}

// Capture takes money under ref, or learns the outcome that ref already has. Its errors are ErrNoAnswer and ProviderError.
func (p *Provider) Capture(ctx context.Context, ref string, order Order) (Outcome, error) {
	body := map[string]string{
		"ref":      ref,
		"merchant": order.Merchant,
		"amount":   FormatAmount(big.NewInt(order.Amount), order.Currency),
		"currency": order.Currency,
	}
	var outcome Outcome
	status, err := p.call(ctx, http.MethodPost, "/captures", body, &outcome)
	switch {
	case err != nil:
		return Outcome{}, err
	case status != http.StatusCreated && status != http.StatusPaymentRequired && status != http.StatusConflict:
		return Outcome{}, ProviderError{Status: status}
	case !outcome.final():
		return Outcome{}, fmt.Errorf("%w: %d without an outcome", ErrNoAnswer, status)
	}
	return outcome, nil
}

// Find returns the outcome of ref in the provider's books, nil when it has none. Its errors are those of Capture.
func (p *Provider) Find(ctx context.Context, ref string) (*Outcome, error) {
	var answer struct {
		Captures []Outcome `json:"captures"`
	}
	status, err := p.call(ctx, http.MethodGet, "/captures?ref="+url.QueryEscape(ref), nil, &answer)
	switch {
	case err != nil:
		return nil, err
	case status != http.StatusOK:
		return nil, ProviderError{Status: status}
	case len(answer.Captures) == 0:
		return nil, nil
	case !answer.Captures[0].final():
		return nil, fmt.Errorf("%w: %d without an outcome", ErrNoAnswer, status)
	}
	return &answer.Captures[0], nil
}

func (o Outcome) final() bool { return o.Status == "captured" || o.Status == "declined" }

// call decodes a JSON answer of any status into target.
func (p *Provider) call(ctx context.Context, method, path string, body, target any) (int, error) {
	var content bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&content).Encode(body); err != nil {
			return 0, err
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, p.url+path, &content)
	if err != nil {
		return 0, err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := p.http.Do(request)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrNoAnswer, err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrNoAnswer, err)
	}
	if response.StatusCode < http.StatusInternalServerError && json.Unmarshal(answer, target) != nil {
		return 0, fmt.Errorf("%w: %d with %.80q", ErrNoAnswer, response.StatusCode, answer)
	}
	return response.StatusCode, nil
}
