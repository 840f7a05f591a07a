package main

import (
	"fmt"
	"os"
	"strconv"
	"time"
)

// Settings is what the environment tells the service; nothing else reads it.
type Settings struct {
	Port            string
	DatabaseURL     string
	ProviderURL     string
	ProviderTimeout time.Duration
	Reconcile       time.Duration
	ConflictStatus  int    // answer to a key that comes with another body
	CapturedState   string // what the API calls a captured charge
}

// ReadSettings fails when a variable is missing or is not a number where one is needed.
func ReadSettings() (Settings, error) {
	settings := Settings{
		Port:          env("PORT", "8080"),
		DatabaseURL:   os.Getenv("DATABASE_URL"),
		ProviderURL:   os.Getenv("PSP_URL"),
		CapturedState: env("CAPTURED_STATE", "captured"),
	}
	if settings.DatabaseURL == "" || settings.ProviderURL == "" {
		return settings, fmt.Errorf("expected DATABASE_URL and PSP_URL in the environment, found %q and %q", settings.DatabaseURL, settings.ProviderURL)
	}
	var err error
	if settings.ConflictStatus, err = strconv.Atoi(env("CONFLICT_STATUS", "409")); err != nil {
		return settings, fmt.Errorf("CONFLICT_STATUS: %w", err)
	}
	if settings.ProviderTimeout, err = seconds("PROVIDER_TIMEOUT_SECONDS", "1.0"); err != nil {
		return settings, err
	}
	settings.Reconcile, err = seconds("RECONCILE_SECONDS", "1.0")
	return settings, err
}

func env(name, fallback string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return fallback
}

func seconds(name, fallback string) (time.Duration, error) {
	value, err := strconv.ParseFloat(env(name, fallback), 64)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	return time.Duration(value * float64(time.Second)), nil
}
