package main

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Quotes for a shopping basket in the visitor's currency. Exchange rates move
// while a basket is open, so a basket follows them.

type rateFeed struct {
	mu       sync.Mutex
	rate     float64
	nextID   int
	watchers map[int]func(float64)
}

func newRateFeed() *rateFeed {
	return &rateFeed{rate: 1.08, watchers: map[int]func(float64){}}
}

// watch calls fn with the present rate and with each new one, until stop.
func (f *rateFeed) watch(fn func(float64)) (stop func()) {
	f.mu.Lock()
	id := f.nextID
	f.nextID++
	f.watchers[id] = fn // guilty
	rate := f.rate
	f.mu.Unlock()
	fn(rate)
	return func() {
		f.mu.Lock()
		delete(f.watchers, id)
		f.mu.Unlock()
	}
}

func (f *rateFeed) set(rate float64) {
	f.mu.Lock()
	f.rate = rate
	fns := make([]func(float64), 0, len(f.watchers))
	for _, fn := range f.watchers {
		fns = append(fns, fn)
	}
	f.mu.Unlock()
	for _, fn := range fns {
		fn(rate)
	}
}

func (f *rateFeed) follow() {
	for n := 0; ; n++ {
		time.Sleep(200 * time.Millisecond)
		f.set(1.05 + float64(n%80)/1000)
	}
}

type basketLine struct {
	sku   string
	label [48]byte
	qty   int
	cents int
	local float64
}

type basket struct {
	mu    sync.Mutex
	id    int64
	lines []basketLine
	total float64
}

func openBasket(id int64) *basket {
	b := &basket{id: id, lines: make([]basketLine, 280)}
	for i := range b.lines {
		l := &b.lines[i]
		l.sku = catalogue[(int(id)+i*7)%len(catalogue)]
		copy(l.label[:], l.sku)
		l.qty = 1 + i%3
		l.cents = 199 + (int(id)*13+i*101)%9000
	}
	return b
}

func (b *basket) reprice(rate float64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.total = 0
	for i := range b.lines {
		l := &b.lines[i]
		l.local = float64(l.qty*l.cents) / 100 * rate
		b.total += l.local
	}
}

func (b *basket) render() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var sb strings.Builder
	fmt.Fprintf(&sb, "basket %d: %d lines, total %.2f\n", b.id, len(b.lines), b.total)
	for _, l := range b.lines[:5] {
		fmt.Fprintf(&sb, "%s x%d %.2f\n", l.sku, l.qty, l.local)
	}
	return sb.String()
}

var catalogue = []string{"mug", "lamp", "chair", "towel", "kettle", "frame", "plant", "clock", "shelf", "vase", "rug"}

type quoteDesk struct {
	rates *rateFeed
	seq   atomic.Int64
	quote func(id int64) string
}

func (d *quoteDesk) liveQuote(id int64) string {
	b := openBasket(id)
	d.rates.watch(b.reprice) // guilty
	return b.render()
}

func (d *quoteDesk) scopedQuote(id int64) string {
	b := openBasket(id)
	stop := d.rates.watch(b.reprice)
	defer stop()
	return b.render()
}

func (d *quoteDesk) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain")
	fmt.Fprint(w, d.quote(d.seq.Add(1)))
}

func runBasketQuote(broken bool, addr string) error {
	d := &quoteDesk{rates: newRateFeed()}
	d.quote = d.scopedQuote
	if broken {
		d.quote = d.liveQuote
	}
	go d.rates.follow()
	return http.ListenAndServe(addr, d)
}
