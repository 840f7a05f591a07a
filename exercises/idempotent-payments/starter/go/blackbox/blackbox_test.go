// Package blackbox tests a running service from outside. SERVICE_URL says where it is.
package blackbox

import (
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

var client = &http.Client{Timeout: 10 * time.Second}

type charge struct {
	ID, Merchant, Amount, Currency, Status string
}

// call returns status, body and the charge in the body.
func call(t *testing.T, method, path, key, body string) (int, string, charge) {
	t.Helper()
	request, err := http.NewRequest(method, os.Getenv("SERVICE_URL")+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	if key != "" {
		request.Header.Set("Idempotency-Key", key)
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	var found charge
	_ = json.Unmarshal(answer, &found)
	return response.StatusCode, string(answer), found
}

// A charge that was made can be read again.
func TestCreateThenRead(t *testing.T) {
	status, created, made := call(t, "POST", "/charges", rand.Text(), `{"merchant": "m-1", "amount": "12.50", "currency": "EUR"}`)
	if status != 201 || made.Amount != "12.50" {
		t.Fatalf("expected 201 and an amount of 12.50, found %d %s", status, created)
	}
	status, read, _ := call(t, "GET", "/charges/"+made.ID, "", "")
	if status != 200 || read != created {
		t.Fatalf("expected 200 and %s, found %d %s", created, status, read)
	}
}
