package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sort"
	"strings"
	"sync"
)

// Species survey: the sightings of a plot as a CSV sheet with a JSON trailer.

type sighting struct {
	Species string
	Plot    int
	Count   int
}

type survey struct {
	mu        sync.RWMutex
	sightings []sighting
}

func (s *survey) of(plot int) []sighting {
	s.mu.RLock()
	defer s.mu.RUnlock()
	found := make([]sighting, 0, 2048)
	for _, x := range s.sightings {
		if x.Plot == plot {
			found = append(found, x)
		}
	}
	return found
}

func newSurvey() *survey {
	names := []string{"yarrow", "clover", "sorrel", "vetch", "fescue", "knapweed", "burnet"}
	s := &survey{}
	for i := 0; i < 8*1800; i++ {
		s.sightings = append(s.sightings, sighting{
			Species: fmt.Sprintf("%s-%d", names[i%len(names)], i%211), Plot: i % 8, Count: i * 13 % 97,
		})
	}
	return s
}

type sheet interface {
	row(cells ...string)
	text() string
}

type plainSheet struct{ body string }

func (p *plainSheet) row(cells ...string) {
	p.body += strings.Join(cells, ",") + "\r\n" // guilty
}
func (p *plainSheet) text() string { return p.body }

type builtSheet struct{ body strings.Builder }

func (p *builtSheet) row(cells ...string) {
	for i, c := range cells {
		if i > 0 {
			p.body.WriteByte(',')
		}
		p.body.WriteString(c)
	}
	p.body.WriteString("\r\n")
}
func (p *builtSheet) text() string { return p.body.String() }

func export(found []sighting, out sheet) string {
	sort.Slice(found, func(i, j int) bool { return found[i].Count > found[j].Count })
	out.row("species", "plot", "count", "remark")
	for _, x := range found {
		out.row(x.Species, fmt.Sprint(x.Plot), fmt.Sprint(x.Count), "seen on foot along the transect")
	}
	return out.text()
}

func trailer(found []sighting) []byte {
	totals := map[string]int{}
	for _, x := range found {
		totals[x.Species] += x.Count
	}
	body, _ := json.Marshal(totals)
	return body
}

func newMeadow(broken bool) http.Handler {
	s := newSurvey()
	var mu sync.Mutex
	plot := 0
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		plot = (plot + 1) % 8
		mine := plot
		mu.Unlock()
		found := s.of(mine)
		var out sheet = &builtSheet{}
		if broken {
			out = &plainSheet{}
		}
		w.Header().Set("Content-Type", "text/csv")
		io.WriteString(w, export(found, out))
		w.Write(trailer(found))
	})
	return mux
}
