package main

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Fruit price board: prices are kept per grower and confirmed with the grower's
// own desk when they are older than a moment.

type price struct {
	Grower  int       `json:"grower"`
	Cents   int       `json:"cents"`
	Checked time.Time `json:"checked"`
}

type board struct {
	mu     sync.Mutex
	prices map[int]price

	statMu sync.Mutex
	visits map[int]int
}

const growers = 40
const fresh = 50 * time.Millisecond

// confirm asks the grower's desk (a remote call).
func confirm(grower, cents int) int {
	time.Sleep(9 * time.Millisecond)
	return 80 + (cents+grower*7)%190
}

func (b *board) lookup(grower int) price {
	b.mu.Lock()
	defer b.mu.Unlock()
	p, ok := b.prices[grower]
	if !ok || time.Since(p.Checked) > fresh {
		p = price{Grower: grower, Cents: confirm(grower, p.Cents), Checked: time.Now()} // guilty
		b.prices[grower] = p
	}
	return p
}

func (b *board) lookupOK(grower int) price {
	b.mu.Lock()
	p, ok := b.prices[grower]
	b.mu.Unlock()
	if ok && time.Since(p.Checked) <= fresh {
		return p
	}
	p = price{Grower: grower, Cents: confirm(grower, p.Cents), Checked: time.Now()}
	b.mu.Lock()
	b.prices[grower] = p
	b.mu.Unlock()
	return p
}

func (b *board) visit(grower int) int {
	b.statMu.Lock()
	defer b.statMu.Unlock()
	b.visits[grower]++
	return b.visits[grower]
}

// seal signs the answer: honest work.
func seal(body []byte) uint64 {
	h := fnv.New64a()
	for i := 0; i < 2000; i++ {
		h.Write(body)
	}
	return h.Sum64()
}

func newOrchard(broken bool) http.Handler {
	b := &board{prices: map[int]price{}, visits: map[int]int{}}
	var turn atomic.Int64
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		grower := int(turn.Add(1)) % growers
		visits := b.visit(grower)
		var p price
		if broken {
			p = b.lookup(grower)
		} else {
			p = b.lookupOK(grower)
		}
		body, err := json.Marshal(p)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("X-Seal", fmt.Sprintf("%x", seal(body)))
		w.Header().Set("X-Visits", fmt.Sprint(visits))
		w.Write(body)
	})
	return mux
}
