package main

import (
	"fmt"
	"hash/crc32"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Hands out thumbnails. A worker takes a lease on a picture while it renders
// it, and renews the lease so that no other worker takes the picture over.

const leaseTTL = 900 * time.Millisecond

type leaseTable struct {
	mu    sync.Mutex
	until map[string]time.Time
}

func (t *leaseTable) take(key string) {
	t.mu.Lock()
	t.until[key] = time.Now().Add(leaseTTL)
	t.mu.Unlock()
}

func (t *leaseTable) renew(key string) {
	t.mu.Lock()
	if _, ok := t.until[key]; ok {
		t.until[key] = time.Now().Add(leaseTTL)
	}
	t.mu.Unlock()
}

func (t *leaseTable) drop(key string) {
	t.mu.Lock()
	delete(t.until, key)
	t.mu.Unlock()
}

type lease struct {
	table *leaseTable
	key   string
	tick  *time.Ticker
	done  chan struct{}
	tile  []byte
}

func newLease(t *leaseTable, key string) *lease {
	t.take(key)
	return &lease{table: t, key: key, tick: time.NewTicker(leaseTTL / 3), tile: make([]byte, 96*96)}
}

// hold keeps the lease alive until release.
func (l *lease) hold() {
	go l.renewing() // guilty
}

func (l *lease) renewing() {
	for range l.tick.C { // guilty
		l.table.renew(l.key)
	}
}

func (l *lease) holdUntilDone() {
	l.done = make(chan struct{})
	go l.renewingUntilDone()
}

func (l *lease) renewingUntilDone() {
	for {
		select {
		case <-l.tick.C:
			l.table.renew(l.key)
		case <-l.done:
			return
		}
	}
}

func (l *lease) release() {
	l.tick.Stop()
	if l.done != nil {
		close(l.done)
	}
	l.table.drop(l.key)
}

// render scales the picture into the lease's tile.
func (l *lease) render(seed int64) uint32 {
	x := uint32(seed)*2654435761 + 1
	for i := range l.tile {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		l.tile[i] = byte(x >> 8)
	}
	return crc32.ChecksumIEEE(l.tile)
}

type thumbs struct {
	table  *leaseTable
	seq    atomic.Int64
	strict bool
}

func (t *thumbs) thumbnail(n int64) (string, uint32) {
	l := newLease(t.table, fmt.Sprintf("pic-%d", n))
	if t.strict {
		l.holdUntilDone()
	} else {
		l.hold()
	}
	defer l.release()
	return l.key, l.render(n)
}

func (t *thumbs) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	key, sum := t.thumbnail(t.seq.Add(1))
	w.Header().Set("ETag", fmt.Sprintf("%q", fmt.Sprint(sum)))
	fmt.Fprintf(w, "%s %08x\n", key, sum)
}

func runRenderLease(broken bool, addr string) error {
	t := &thumbs{table: &leaseTable{until: map[string]time.Time{}}, strict: !broken}
	return http.ListenAndServe(addr, t)
}
