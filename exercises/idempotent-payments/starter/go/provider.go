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

// Outcome is what the provider decided about a ref. PSP.md describes the provider.
type Outcome struct {
	Ref     string `json:"ref"`
	Status  string `json:"status"` // "captured" or "declined"
	Capture string `json:"capture"`
}

// ErrNoAnswer is a call that timed out, was cut or could not be understood.
var ErrNoAnswer = errors.New("the provider gave no answer")

// ProviderError is an answer that is not an outcome: 409, 429, 500, 503.
type ProviderError struct {
	Status int
}

func (e ProviderError) Error() string {
	return fmt.Sprintf("the provider answered %d", e.Status)
}

// Provider speaks to the payment provider. Every call ends within the provider timeout, body included.
type Provider struct {
	url  string
	http *http.Client
}

// NewProvider keeps connections open between calls.
func NewProvider(settings Settings) *Provider {
	transport := &http.Transport{MaxIdleConns: 64, MaxIdleConnsPerHost: 64, IdleConnTimeout: 30 * time.Second}
	return &Provider{url: settings.ProviderURL, http: &http.Client{Transport: transport, Timeout: settings.ProviderTimeout}}
}

// Capture asks for the money of an order under a ref. It returns ErrNoAnswer or a ProviderError when there is no outcome.
func (p *Provider) Capture(ctx context.Context, ref string, order Order) (Outcome, error) {
	body, err := json.Marshal(map[string]string{
		"ref":      ref,
		"merchant": order.Merchant,
		"amount":   FormatAmount(big.NewInt(order.AmountMinor), order.Currency),
		"currency": order.Currency,
	})
	if err != nil {
		return Outcome{}, err
	}
	var outcome Outcome
	status, err := p.call(ctx, http.MethodPost, "/captures", body, &outcome)
	if err != nil {
		return Outcome{}, err
	}
	if status != http.StatusCreated && status != http.StatusPaymentRequired {
		return Outcome{}, ProviderError{Status: status}
	}
	return outcome, nil
}

// Find asks what became of a ref: nil when the provider has decided nothing.
func (p *Provider) Find(ctx context.Context, ref string) (*Outcome, error) {
	var answer struct {
		Captures []Outcome `json:"captures"`
	}
	status, err := p.call(ctx, http.MethodGet, "/captures?ref="+url.QueryEscape(ref), nil, &answer)
	if err != nil {
		return nil, err
	}
	if status != http.StatusOK {
		return nil, ProviderError{Status: status}
	}
	for _, outcome := range answer.Captures {
		if outcome.Ref == ref && (outcome.Status == "captured" || outcome.Status == "declined") {
			return &outcome, nil
		}
	}
	return nil, nil
}

// call decodes a JSON answer of any status into target.
func (p *Provider) call(ctx context.Context, method, path string, body []byte, target any) (int, error) {
	request, err := http.NewRequestWithContext(ctx, method, p.url+path, bytes.NewReader(body))
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
