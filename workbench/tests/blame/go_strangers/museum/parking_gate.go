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

// The barrier controller of a car park. A car at the gate gets a lease on a
// bay; while it is being let in the lease is renewed so nobody else takes it.

const (
	bayCount    = 300
	renewPeriod = 2 * time.Second
)

type bayLease struct {
	bay     int
	plate   string
	expires atomic.Int64
	trace   [8192]byte // camera thumbnail hash chain
}

func (l *bayLease) renew() {
	l.expires.Store(time.Now().Add(3 * renewPeriod).UnixNano())
}

// stamp fills the trace from the plate.
func (l *bayLease) stamp() uint32 {
	h := fnv.New32a()
	for i := range l.trace {
		h.Write([]byte{l.plate[i%len(l.plate)], byte(i)})
		l.trace[i] = byte(h.Sum32())
	}
	return h.Sum32()
}

type carPark struct {
	mu     sync.Mutex
	bays   [bayCount]*bayLease
	next   int
	admits atomic.Uint64
}

func (p *carPark) lease(plate string) *bayLease {
	p.mu.Lock()
	defer p.mu.Unlock()
	for range p.bays {
		p.next = (p.next + 1) % bayCount
		if p.bays[p.next] == nil {
			l := &bayLease{bay: p.next, plate: plate}
			l.renew()
			p.bays[p.next] = l
			return l
		}
	}
	return nil
}

func (p *carPark) release(l *bayLease) {
	p.mu.Lock()
	p.bays[l.bay] = nil
	p.mu.Unlock()
}

// keepFresh renews the lease on every tick.
func (l *bayLease) keepFresh(t *time.Ticker) {
	for range t.C { // guilty
		l.renew()
	}
}

// holdLease keeps the lease fresh until the returned function is called.
func holdLease(l *bayLease) func() {
	t := time.NewTicker(renewPeriod)
	go l.keepFresh(t) // guilty
	return t.Stop
}

func (l *bayLease) keepFreshUntil(t *time.Ticker, done <-chan struct{}) {
	for {
		select {
		case <-t.C:
			l.renew()
		case <-done:
			return
		}
	}
}

// holdLeaseUntil keeps the lease fresh until the returned function is called.
func holdLeaseUntil(l *bayLease) func() {
	t := time.NewTicker(renewPeriod)
	done := make(chan struct{})
	go l.keepFreshUntil(t, done)
	return func() {
		t.Stop()
		close(done)
	}
}

func (p *carPark) admit(hold func(*bayLease) func()) (map[string]any, bool) {
	n := p.admits.Add(1)
	l := p.lease(fmt.Sprintf("%c%c-%03d-%c", 'A'+n%26, 'A'+n/26%26, n*37%1000, 'A'+n*7%26))
	if l == nil {
		return nil, false
	}
	defer p.release(l)
	stop := hold(l)
	defer stop()
	return map[string]any{"ticket": n, "bay": l.bay, "plate": l.plate, "mark": l.stamp()}, true
}

func parkingGate(broken bool) http.HandlerFunc {
	park := &carPark{}
	hold := holdLeaseUntil
	if broken {
		hold = holdLease
	}
	return func(w http.ResponseWriter, r *http.Request) {
		ticket, ok := park.admit(hold)
		if !ok {
			http.Error(w, "car park full", http.StatusServiceUnavailable)
			return
		}
		json.NewEncoder(w).Encode(ticket)
	}
}
