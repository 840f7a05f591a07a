package main

import (
	"encoding/json"
	"math/big"
	"regexp"
	"strings"
)

// decimals is how many digits each currency has after the point.
var decimals = map[string]int{"EUR": 2, "USD": 2, "JPY": 0, "KWD": 3}

var (
	visible = regexp.MustCompile(`^[!-~]{1,64}$`)
	whole   = regexp.MustCompile(`^(0|[1-9][0-9]{0,11})$`)
	digits  = regexp.MustCompile(`^[0-9]*$`)
)

// Order is what a merchant asks for. Money is counted in minor units of the currency (cents), never in floats.
type Order struct {
	Merchant string
	Amount   int64
	Currency string
}

// ParseOrder reads the body of POST /charges. Fields it does not know are ignored.
func ParseOrder(body []byte) (Order, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(body, &fields); err != nil || fields == nil {
		return Order{}, badRequest("expected a JSON object")
	}
	merchant, amount, currency := text(fields["merchant"]), text(fields["amount"]), text(fields["currency"])
	if err := CheckName("merchant", merchant); err != nil {
		return Order{}, err
	}
	minor, err := ParseAmount(amount, currency)
	return Order{Merchant: merchant, Amount: minor, Currency: currency}, err
}

// CheckName refuses what can't be a key or a name.
func CheckName(field, name string) error {
	if !visible.MatchString(name) {
		return badRequest("expected %s to be 1 to 64 visible ASCII characters", field)
	}
	return nil
}

// ParseAmount turns "12.50" into minor units. The amount must have exactly the decimals of its currency.
func ParseAmount(amount, currency string) (int64, error) {
	places, known := decimals[currency]
	if !known {
		return 0, badRequest("expected currency to be a supported one")
	}
	before, after, point := strings.Cut(amount, ".")
	if !whole.MatchString(before) || !digits.MatchString(after) || len(after) != places || point != (places > 0) {
		return 0, badRequest("expected amount to be a string with %d decimals, at most 12 digits before", places)
	}
	minor, _ := new(big.Int).SetString(before+after, 10)
	if minor.Sign() == 0 {
		return 0, badRequest("expected amount to be over zero")
	}
	return minor.Int64(), nil
}

// FormatAmount is the inverse of ParseAmount; totals may be larger than an int64.
func FormatAmount(minor *big.Int, currency string) string {
	places := decimals[currency]
	if places == 0 {
		return minor.String()
	}
	padded := strings.Repeat("0", max(0, places+1-len(minor.String()))) + minor.String()
	point := len(padded) - places
	return padded[:point] + "." + padded[point:]
}

// text is "" for anything that is not a JSON string.
func text(raw json.RawMessage) string {
	var value string
	if json.Unmarshal(raw, &value) != nil {
		return ""
	}
	return value
}
