package main

// A rail fare desk: each GET / opens a search, prices some itineraries under the
// search's context and answers with the cheapest.

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"
)

const fareStops = 56

type fareSearch struct {
	id     uint64
	from   int
	to     int
	matrix [fareStops * fareStops * 8]byte // cost so far between two stops
}

type fareKey struct{}

type fareDesk struct {
	base   context.Context // ends when the desk closes
	seq    atomic.Uint64
	broken bool
}

func (d *fareDesk) newSearch() *fareSearch {
	n := d.seq.Add(1)
	s := &fareSearch{id: n, from: int(n*31) % fareStops, to: int(n*17+5) % fareStops}
	for i := 0; i < fareStops; i++ {
		for _, j := range []int{(i + 1) % fareStops, (i + 5) % fareStops} {
			s.set(i, j, 120+uint64(i*j+int(n))%240)
		}
	}
	return s
}

func (s *fareSearch) set(i, j int, v uint64) {
	binary.LittleEndian.PutUint64(s.matrix[(i*fareStops+j)*8:], v)
}

func (s *fareSearch) get(i, j int) uint64 {
	return binary.LittleEndian.Uint64(s.matrix[(i*fareStops+j)*8:])
}

// begin opens a search that goes on when its client leaves, but not when the desk closes.
func (d *fareDesk) begin() context.Context {
	ctx, _ := context.WithCancel(context.WithValue(d.base, fareKey{}, d.newSearch())) // guilty
	return ctx
}

// beginBounded is begin for a caller that closes the search itself.
func (d *fareDesk) beginBounded() (context.Context, context.CancelFunc) {
	return context.WithCancel(context.WithValue(d.base, fareKey{}, d.newSearch()))
}

// cheapest relaxes along the line from the first stop until nothing improves.
func cheapest(ctx context.Context) (uint64, error) {
	s := ctx.Value(fareKey{}).(*fareSearch)
	best := make([]uint64, fareStops)
	for i := range best {
		best[i] = 1 << 40
	}
	best[s.from] = 0
	for changed := true; changed; {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		changed = false
		for i := range best {
			for _, j := range []int{(i + 1) % fareStops, (i + 5) % fareStops} {
				if c := best[i] + s.get(i, j); c < best[j] {
					best[j], changed = c, true
				}
			}
		}
	}
	return best[s.to], nil
}

func (d *fareDesk) answer(ctx context.Context, w http.ResponseWriter) {
	s := ctx.Value(fareKey{}).(*fareSearch)
	fare, err := cheapest(ctx)
	if err != nil {
		http.Error(w, "desk is closing", http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintf(w, "search %d: %d to %d for %d.%02d\n", s.id, s.from, s.to, fare/100, fare%100)
}

func (d *fareDesk) serve(w http.ResponseWriter, r *http.Request) {
	if d.broken {
		d.answer(d.begin(), w)
		return
	}
	ctx, done := d.beginBounded()
	defer done()
	d.answer(ctx, w)
}

func runFareDesk(broken bool, addr string) error {
	base, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	d := &fareDesk{base: base, broken: broken}
	srv := &http.Server{Addr: addr, Handler: http.HandlerFunc(d.serve)}
	go func() {
		<-base.Done()
		late, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		srv.Shutdown(late)
	}()
	return srv.ListenAndServe()
}
