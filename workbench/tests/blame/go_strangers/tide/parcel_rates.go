package main

// Parcel rates: quotes shipping prices for the shops we host. Carriers allow
// every shop account a fixed number of calls per second, so we pace ourselves.

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const (
	carrierCallsPerSecond = 110
	carrierBurst          = 20
)

type shopAccount struct {
	ID      string
	Carrier string // host name of the carrier's API
	Markup  float64
}

type parcel struct {
	Grams         int
	Width, Height int
	Depth, Zone   int
}

type rateQuote struct {
	Shop    string `json:"shop"`
	Carrier string `json:"carrier"`
	Service string `json:"service"`
	Cents   int    `json:"cents"`
}

// callBucket is a token bucket; reserve says how long to wait for the token.
type callBucket struct {
	mu     sync.Mutex
	tokens float64
	last   time.Time
}

func (b *callBucket) reserve(now time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tokens += now.Sub(b.last).Seconds() * carrierCallsPerSecond
	b.tokens = math.Min(b.tokens, carrierBurst)
	b.last = now
	b.tokens--
	if b.tokens >= 0 {
		return 0
	}
	return time.Duration(-b.tokens / carrierCallsPerSecond * float64(time.Second))
}

type rateDesk struct {
	mu      sync.Mutex
	buckets map[string]*callBucket
	shops   []shopAccount
	seq     atomic.Uint64
}

func (d *rateDesk) bucket(key string) *callBucket {
	d.mu.Lock()
	defer d.mu.Unlock()
	b := d.buckets[key]
	if b == nil {
		b = &callBucket{tokens: carrierBurst, last: time.Now()}
		d.buckets[key] = b
	}
	return b
}

func (d *rateDesk) paceHost(ctx context.Context, shop *shopAccount) error {
	wait := d.bucket(shop.Carrier).reserve(time.Now()) // guilty
	if wait == 0 {
		return nil
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select { // guilty
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (d *rateDesk) paceAccount(ctx context.Context, shop *shopAccount) error {
	wait := d.bucket(shop.Carrier + "/" + shop.ID).reserve(time.Now())
	if wait == 0 {
		return nil
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func measureParcel(n uint64) parcel {
	return parcel{
		Grams: 200 + int(n*37%4800), Width: 10 + int(n%30), Height: 5 + int(n*7%25),
		Depth: 8 + int(n*3%40), Zone: 1 + int(n%6),
	}
}

func priceParcel(shop *shopAccount, p parcel) []rateQuote {
	volumetric := p.Width * p.Height * p.Depth / 5
	billable := max(p.Grams, volumetric)
	quotes := make([]rateQuote, 0, 3)
	for i, service := range []string{"ground", "two-day", "overnight"} {
		base := 350 + billable/20 + 90*p.Zone
		cents := float64(base) * (1 + 0.8*float64(i)) * shop.Markup
		quotes = append(quotes, rateQuote{shop.ID, shop.Carrier, service, int(math.Ceil(cents))})
	}
	return quotes
}

func parcelRates(broken bool) http.HandlerFunc {
	desk := &rateDesk{buckets: map[string]*callBucket{}}
	for i := range 24 {
		desk.shops = append(desk.shops, shopAccount{
			ID: fmt.Sprintf("shop-%02d", i), Carrier: "rates.northpost.example", Markup: 1.05 + float64(i%5)/100,
		})
	}
	pace := desk.paceAccount
	if broken {
		pace = desk.paceHost
	}
	return func(w http.ResponseWriter, r *http.Request) {
		n := desk.seq.Add(1)
		shop := &desk.shops[n%uint64(len(desk.shops))]
		if err := pace(r.Context(), shop); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(priceParcel(shop, measureParcel(n)))
	}
}
