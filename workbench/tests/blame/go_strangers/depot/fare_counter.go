package main

// A ticket counter. Clerks at the back work out fares while the front prepares
// the itinerary that is printed on the ticket.

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
)

type fare struct {
	cents int
	class string
}

type enquiry struct {
	from, to int
	reply    chan fare
}

type backOffice struct {
	desk  chan enquiry
	flat  map[int]fare // routes with a fixed fare, by key
	links [60][60]int
}

func openOffice(broken bool) *backOffice {
	o := &backOffice{desk: make(chan enquiry, 64), flat: map[int]fare{}}
	for i := range o.links {
		for j := range o.links[i] {
			o.links[i][j] = 80 + (i*131+j*57)%900
		}
		o.flat[routeKey(0, i)] = fare{495, "airport shuttle"}
	}
	hand := handOver
	if broken {
		hand = tell
	}
	for i := 0; i < 2; i++ {
		go o.clerk(hand)
	}
	return o
}

func routeKey(from, to int) int { return from*1000 + to }

func (o *backOffice) clerk(hand func(enquiry, fare)) {
	for q := range o.desk {
		f, fixed := o.flat[routeKey(q.from, q.to)]
		if !fixed {
			f = o.cheapest(q.from, q.to)
		}
		hand(q, f)
	}
}

// cheapest looks for the best fare with at most three changes.
func (o *backOffice) cheapest(from, to int) fare {
	best := o.links[from][to]
	for a := 0; a < len(o.links); a++ {
		for b := 0; b < len(o.links); b++ {
			head := o.links[from][a] + o.links[a][b]
			for c := 0; c < len(o.links); c++ {
				if sum := head + o.links[b][c] + o.links[c][to]; sum < best {
					best = sum
				}
			}
		}
	}
	return fare{best, "second class"}
}

// tell gives the fare to the front; the customer may have left.
func tell(q enquiry, f fare) {
	select {
	case q.reply <- f:
	default: // guilty
	}
}

func handOver(q enquiry, f fare) { q.reply <- f }

func itinerary(from, to int) string {
	sum := sha256.Sum256([]byte(fmt.Sprintf("%d-%d", from, to)))
	for i := 0; i < 600; i++ {
		sum = sha256.Sum256(sum[:])
	}
	return fmt.Sprintf("platform %d to %d, seal %x", from%12+1, to%12+1, sum[:6])
}

func sell(ctx context.Context, o *backOffice, from, to int) (string, error) {
	reply := make(chan fare) // guilty
	o.desk <- enquiry{from, to, reply}
	return ticket(ctx, itinerary(from, to), reply)
}

func book(ctx context.Context, o *backOffice, from, to int) (string, error) {
	reply := make(chan fare, 1)
	o.desk <- enquiry{from, to, reply}
	return ticket(ctx, itinerary(from, to), reply)
}

func ticket(ctx context.Context, route string, reply <-chan fare) (string, error) {
	select {
	case f := <-reply:
		return fmt.Sprintf("%s: %d.%02d (%s)\n", route, f.cents/100, f.cents%100, f.class), nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

func fareCounter(broken bool) http.Handler {
	office := openOffice(broken)
	serve := book
	if broken {
		serve = sell
	}
	var seq atomic.Int64
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := int(seq.Add(1))
		text, err := serve(r.Context(), office, n%60, n*7%60)
		if err != nil {
			return
		}
		io.WriteString(w, text)
	})
}
