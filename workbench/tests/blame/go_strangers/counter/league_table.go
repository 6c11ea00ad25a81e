package main

// League standings for a sports page, kept for a moment between tallies.

import (
	"fmt"
	"net/http"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const standingsKeep = 600 * time.Millisecond

type match struct {
	home, away string
	hg, ag     int
}

type standing struct {
	club          string
	points, goals int
}

type standings struct {
	rows []standing
	made time.Time
}

type league struct {
	matches []match
	cached  atomic.Pointer[standings]
	refresh sync.Mutex
}

func newLeague() *league {
	l := &league{matches: make([]match, 0, 520000)}
	clubs := make([]string, 400)
	for i := range clubs {
		clubs[i] = fmt.Sprintf("FC %03d United", i)
	}
	seed := uint32(17)
	next := func(n int) int {
		seed = seed*1664525 + 1013904223
		return int(seed>>10) % n
	}
	for i := 0; i < cap(l.matches); i++ {
		l.matches = append(l.matches, match{clubs[next(400)], clubs[next(400)], next(5), next(4)})
	}
	l.cached.Store(l.tally())
	return l
}

// tally goes through all results of the season.
func (l *league) tally() *standings {
	by := make(map[string]*standing, 400)
	get := func(club string) *standing {
		s := by[club]
		if s == nil {
			s = &standing{club: club}
			by[club] = s
		}
		return s
	}
	for i := range l.matches {
		m := &l.matches[i]
		h, a := get(m.home), get(m.away)
		h.goals += m.hg - m.ag
		a.goals += m.ag - m.hg
		switch {
		case m.hg > m.ag:
			h.points += 3
		case m.hg < m.ag:
			a.points += 3
		default:
			h.points++
			a.points++
		}
	}
	out := &standings{made: time.Now()}
	for _, s := range by {
		out.rows = append(out.rows, *s)
	}
	sort.Slice(out.rows, func(i, j int) bool {
		if out.rows[i].points != out.rows[j].points {
			return out.rows[i].points > out.rows[j].points
		}
		return out.rows[i].club < out.rows[j].club
	})
	return out
}

// current gives the kept standings, or new ones when they are too old.
func (l *league) current() *standings {
	s := l.cached.Load()
	if time.Since(s.made) < standingsKeep {
		return s
	}
	s = l.tally() // guilty
	l.cached.Store(s)
	return s
}

// currentOrStale gives what is there and lets one helper renew it.
func (l *league) currentOrStale() *standings {
	s := l.cached.Load()
	if time.Since(s.made) >= standingsKeep && l.refresh.TryLock() {
		go func() {
			defer l.refresh.Unlock()
			l.cached.Store(l.tally())
		}()
	}
	return s
}

func renderTop(s *standings, n int) string {
	var sb strings.Builder
	for i, r := range s.rows[:n] {
		fmt.Fprintf(&sb, "%2d. %-16s %6d %+d\n", i+1, r.club, r.points, r.goals)
	}
	return sb.String()
}

func leagueTable(broken bool) http.Handler {
	l := newLeague()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var s *standings
		if broken {
			s = l.current()
		} else {
			s = l.currentOrStale()
		}
		w.Header().Set("Content-Type", "text/plain")
		fmt.Fprint(w, renderTop(s, 20))
	})
}
