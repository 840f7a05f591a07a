// Package tests holds your own tests, against a started service. What they know: SERVICE_URL, BRIEF.md and the test
// amounts of PSP.md. They have to pass on your service and fail on the starter. This one passes on both, so it earns nothing yet.
package tests

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

var (
	client     = &http.Client{Timeout: 10 * time.Second}
	serviceURL = os.Getenv("SERVICE_URL")
	captured   = cmp.Or(os.Getenv("CAPTURED_STATE"), "captured")
)

// answer is what the service said. Charge is empty when the body is not one.
type answer struct {
	Status int
	Body   string
	Charge struct{ ID, Merchant, Amount, Currency, Status string }
}

func charge(t *testing.T, merchant, key, amount string) answer {
	body := `{"merchant": "` + merchant + `", "amount": "` + amount + `", "currency": "EUR"}`
	request, err := http.NewRequest("POST", serviceURL+"/charges", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Idempotency-Key", key)
	return send(t, request)
}

func get(t *testing.T, path string) answer {
	request, err := http.NewRequest("GET", serviceURL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return send(t, request)
}

func send(t *testing.T, request *http.Request) answer {
	t.Helper()
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	found := answer{Status: response.StatusCode, Body: string(body)}
	_ = json.Unmarshal(body, &found.Charge)
	return found
}

func expect(t *testing.T, holds bool, rule string, found ...any) {
	t.Helper()
	if !holds {
		t.Fatalf("expected %s, found %v", rule, found)
	}
}

// final repeats a request until its charge is no longer pending.
func final(t *testing.T, merchant, key, amount string) (found answer) {
	for range 60 {
		if found = charge(t, merchant, key, amount); found.Status != 202 {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	return found
}

func TestChargeIsReadBackUnchanged(t *testing.T) {
	created := final(t, "m-"+rand.Text(), "k-1", "12.50")
	expect(t, created.Status == 201 && created.Charge.Status == captured, "201 and "+captured, created)
	read := get(t, "/charges/"+created.Charge.ID)
	expect(t, read.Body == created.Body, "the same charge", created, read)
}
