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
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

var (
	client     = &http.Client{Timeout: 10 * time.Second}
	serviceURL = os.Getenv("SERVICE_URL")
	captured   = cmp.Or(os.Getenv("CAPTURED_STATE"), "captured")
	conflict   = cmp.Or(os.Getenv("CONFLICT_STATUS"), "409")
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

func TestProviderTroubleChargesOnce(t *testing.T) {
	for amount, status := range map[string]string{"7.10": captured, "402.10": "declined", "500.10": captured, "504.10": captured} {
		t.Run(amount, func(t *testing.T) {
			t.Parallel()
			merchant := "m-" + rand.Text()
			var twins sync.WaitGroup
			for range 3 {
				twins.Go(func() { charge(t, merchant, "k-1", amount) })
			}
			twins.Wait()
			expect(t, charge(t, merchant, "k-1", amount).Charge.ID == charge(t, merchant, "k-1", amount).Charge.ID, "one charge for a key")
			first, again := final(t, merchant, "k-1", amount), charge(t, merchant, "k-1", amount)
			expect(t, first.Status == 201 && first.Charge.Status == status, "201 and "+status, first)
			expect(t, again == first, "the same answer again", first, again)
			entries := strings.Count(get(t, "/ledger?merchant="+merchant).Body, first.Charge.ID)
			expect(t, (entries == 1) == (status == captured), "what was captured in the ledger, once", entries)
			expect(t, strconv.Itoa(charge(t, merchant, "k-1", "7.11").Status) == conflict, "a conflict for another body")
			expect(t, final(t, merchant+"x", "k-1", "7.11").Status == 201, "the key to be free for another merchant")
		})
	}
}
