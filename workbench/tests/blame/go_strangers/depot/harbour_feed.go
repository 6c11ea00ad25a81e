package main

// The harbour's feed of arrivals: who came in lately, newest first, and what
// they carried.

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

type arrival struct {
	ship  string
	cargo string
	tons  int
	berth int
	at    time.Time
}

type logbook struct {
	mu      sync.RWMutex
	entries []arrival // oldest first
}

const kept = 500

func openLogbook() *logbook {
	ships := []string{"Alida", "Noordster", "Goede Hoop", "Elbe", "Frisia", "Sint Joris", "Margriet"}
	cargoes := []string{"grain", "timber", "ore", "containers", "salt"}
	b := &logbook{}
	start := time.Now().Add(-kept * time.Minute)
	for i := 0; i < kept; i++ {
		b.entries = append(b.entries, arrival{
			ship:  fmt.Sprintf("%s %d", ships[i%len(ships)], i%23),
			cargo: cargoes[i*7%len(cargoes)],
			tons:  200 + i*131%9000,
			berth: i % 40,
			at:    start.Add(time.Duration(i) * time.Minute),
		})
	}
	return b
}

func (b *logbook) snapshot() []arrival {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.entries[:len(b.entries):len(b.entries)]
}

func (b *logbook) listed(a arrival, since time.Time) bool {
	return a.at.After(since) && a.berth != 13 // 13 is the navy's
}

// latest gives the public arrivals since a time, newest first.
func latest(b *logbook, since time.Time) []arrival {
	var feed []arrival
	for _, a := range b.snapshot() {
		if b.listed(a, since) {
			feed = append([]arrival{a}, feed...) // guilty
		}
	}
	return feed
}

// recent gives the public arrivals since a time, newest first.
func recent(b *logbook, since time.Time) []arrival {
	entries := b.snapshot()
	feed := make([]arrival, 0, len(entries))
	for i := len(entries) - 1; i >= 0; i-- {
		if b.listed(entries[i], since) {
			feed = append(feed, entries[i])
		}
	}
	return feed
}

func tonnage(feed []arrival) map[string]int {
	sums := make(map[string]int, 8)
	for _, a := range feed {
		sums[a.cargo] += a.tons
	}
	return sums
}

func renderFeed(feed []arrival) string {
	var out strings.Builder
	sums := tonnage(feed)
	fmt.Fprintf(&out, "%d arrivals, %d t of grain, %d t of ore\n", len(feed), sums["grain"], sums["ore"])
	for i, a := range feed {
		if i == 25 {
			break
		}
		fmt.Fprintf(&out, "%s %s berth %d: %d t %s\n", a.at.Format("15:04"), a.ship, a.berth, a.tons, a.cargo)
	}
	return out.String()
}

func harbourFeed(broken bool) http.Handler {
	book := openLogbook()
	pick := recent
	if broken {
		pick = latest
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		since := time.Now().Add(-24 * time.Hour)
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Write([]byte(renderFeed(pick(book, since))))
	})
}
