package main

import (
	"fmt"
	"net/http"
	"sync"
	"time"
)

// Reading room: hands every visitor a desk with bookmarks and tells how many are reading now.

const deskHold = 500 * time.Millisecond

type readerDesk struct {
	token     string
	seen      time.Time
	bookmarks [640]uint64
}

type readingRoom struct {
	mu    sync.Mutex
	desks map[string]*readerDesk
	order []*readerDesk // oldest first
	next  uint64
}

func (r *readingRoom) newToken() string {
	r.next++
	return fmt.Sprintf("%08x", r.next*2654435761)
}

func (r *readingRoom) layOut(token string, now time.Time) *readerDesk {
	d := &readerDesk{token: token, seen: now}
	for i := 0; i < len(d.bookmarks); i += 64 {
		d.bookmarks[i] = uint64(now.UnixNano()) ^ uint64(i)
	}
	return d
}

// assign gives a returning reader the old desk and a new one a fresh desk.
func (r *readingRoom) assign(token string, now time.Time) *readerDesk {
	if d, ok := r.desks[token]; ok {
		d.seen = now
		return d
	}
	d := r.layOut(r.newToken(), now)
	r.desks[d.token] = d // guilty
	return d
}

// assignTidy does so too, and clears desks whose reader has gone.
func (r *readingRoom) assignTidy(token string, now time.Time) *readerDesk {
	for len(r.order) > 0 && now.Sub(r.order[0].seen) > deskHold {
		delete(r.desks, r.order[0].token)
		r.order[0] = nil
		r.order = r.order[1:]
	}
	if d, ok := r.desks[token]; ok {
		return d
	}
	d := r.layOut(r.newToken(), now)
	r.desks[d.token] = d
	r.order = append(r.order, d)
	return d
}

func (r *readingRoom) readersNow(now time.Time) int {
	n := 0
	for _, d := range r.desks {
		if now.Sub(d.seen) <= deskHold {
			n++
		}
	}
	return n
}

func (r *readingRoom) enter(token string, broken bool) (string, int, uint64) {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	var d *readerDesk
	if broken {
		d = r.assign(token, now)
	} else {
		d = r.assignTidy(token, now)
	}
	return d.token, r.readersNow(now), d.bookmarks[64]
}

func tokenOf(req *http.Request) string {
	if c, err := req.Cookie("desk"); err == nil {
		return c.Value
	}
	return ""
}

func runReadingRoom(broken bool, addr string) error {
	room := &readingRoom{desks: make(map[string]*readerDesk)}
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, req *http.Request) {
		token, readers, mark := room.enter(tokenOf(req), broken)
		http.SetCookie(w, &http.Cookie{Name: "desk", Value: token, Path: "/"})
		fmt.Fprintf(w, "desk %s, %d reading, page %d\n", token, readers, mark%500)
	})
	return http.ListenAndServe(addr, mux)
}
