package main

// A box office: each GET / takes a lease on a seat, prices it while the lease is
// kept fresh in the background, and gives the seat back.

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const leaseRenewEvery = 200 * time.Millisecond

type seatLease struct {
	seat    int
	renewed atomic.Int64
	trail   [4096]byte // what was done under this lease, for the auditors
	used    int
	ticker  *time.Ticker
	done    chan struct{}
}

func (l *seatLease) note(format string, args ...any) {
	l.used += copy(l.trail[l.used:], fmt.Sprintf(format+"\n", args...))
}

type boxOffice struct {
	mu     sync.Mutex
	held   map[int]*seatLease
	next   int
	rows   int
	strict bool
}

// reserve finds the next free seat and registers a lease for it.
func (b *boxOffice) reserve() *seatLease {
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.held[b.next] != nil {
		b.next = (b.next + 1) % (b.rows * 40)
	}
	l := &seatLease{seat: b.next, done: make(chan struct{}), ticker: time.NewTicker(leaseRenewEvery)}
	l.renewed.Store(time.Now().UnixNano())
	b.held[b.next] = l
	b.next = (b.next + 1) % (b.rows * 40)
	return l
}

func (l *seatLease) renewAt(t time.Time) { l.renewed.Store(t.UnixNano()) }

// renewWhileTicking refreshes the lease for as long as its ticker runs.
func (l *seatLease) renewWhileTicking() {
	for t := range l.ticker.C { // guilty
		l.renewAt(t)
	}
}

// renewUntilDone refreshes the lease until it is given back.
func (l *seatLease) renewUntilDone() {
	for {
		select {
		case t := <-l.ticker.C:
			l.renewAt(t)
		case <-l.done:
			return
		}
	}
}

func (b *boxOffice) keepFresh(l *seatLease) {
	go l.renewWhileTicking() // guilty
}

func (b *boxOffice) keepFreshUntilDone(l *seatLease) {
	go l.renewUntilDone()
}

func (b *boxOffice) release(l *seatLease) {
	l.ticker.Stop()
	close(l.done)
	b.mu.Lock()
	delete(b.held, l.seat)
	b.mu.Unlock()
}

// quote prices a seat by its row and its distance from the middle.
func (b *boxOffice) quote(l *seatLease) int {
	row, col := l.seat/40, l.seat%40
	off := col - 20
	if off < 0 {
		off = -off
	}
	cents := 9000 - row*35 - off*60
	l.note("row %d col %d base %d", row, col, cents)
	if row < 5 {
		cents += 2500
		l.note("front surcharge")
	}
	return cents
}

func (b *boxOffice) serve(w http.ResponseWriter, r *http.Request) {
	l := b.reserve()
	defer b.release(l)
	if b.strict {
		b.keepFreshUntilDone(l)
	} else {
		b.keepFresh(l)
	}
	cents := b.quote(l)
	fmt.Fprintf(w, "seat %d-%d: %d.%02d\n", l.seat/40+1, l.seat%40+1, cents/100, cents%100)
}

func runSeatLeases(broken bool, addr string) error {
	b := &boxOffice{held: map[int]*seatLease{}, rows: 60, strict: !broken}
	return http.ListenAndServe(addr, http.HandlerFunc(b.serve))
}
