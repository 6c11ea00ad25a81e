package main

// Tide gauges: buoys upload their readings in bursts over a modem; one station
// goroutine owns the model, takes the readings in and answers the harbour's asks.

import (
	"encoding/json"
	"math"
	"net/http"
	"sync/atomic"
	"time"
)

const tideConstituents = 37

type tideReading struct {
	Gauge int
	At    float64 // hours
	Level float64 // metres
}

type tideForecast struct {
	Gauge  int     `json:"gauge"`
	Level  float64 `json:"level"`
	Trend  string  `json:"trend"`
	Absorb int     `json:"readings"`
}

type tideAsk struct {
	gauge int
	reply chan tideForecast
}

type tideStation struct {
	readings chan tideReading
	asks     chan tideAsk
	amp      [16][tideConstituents]float64
	phase    [16][tideConstituents]float64
	taken    [16]int
}

// absorb fits one reading into the harmonics of its gauge.
func (s *tideStation) absorb(r tideReading) {
	amp, phase := &s.amp[r.Gauge], &s.phase[r.Gauge]
	for range 60 {
		err := r.Level - s.levelAt(r.Gauge, r.At)
		if math.Abs(err) < 1e-12 {
			break
		}
		for k := range amp {
			amp[k] += 0.0005 * err / float64(k+1)
			phase[k] += 0.0001 * err
		}
	}
	s.taken[r.Gauge]++
}

func (s *tideStation) levelAt(gauge int, at float64) float64 {
	level := 0.0
	for k := range s.amp[gauge] {
		level += s.amp[gauge][k] * math.Cos(0.5059*float64(k+1)*at+s.phase[gauge][k])
	}
	return level
}

func (s *tideStation) answer(q tideAsk) {
	at := float64(s.taken[q.gauge]) / 60
	now, next := s.levelAt(q.gauge, at), s.levelAt(q.gauge, at+0.25)
	f := tideForecast{Gauge: q.gauge, Level: math.Round(now*1000) / 1000, Trend: "falling", Absorb: s.taken[q.gauge]}
	if next > now {
		f.Trend = "rising"
	}
	q.reply <- f
}

// runFreshest takes every reading that is in before it answers, so that no
// forecast is given from an old model.
func (s *tideStation) runFreshest() {
	for {
		select { // guilty
		case r := <-s.readings:
			s.absorb(r) // guilty
			continue
		default:
		}
		select {
		case r := <-s.readings:
			s.absorb(r)
		case q := <-s.asks:
			s.answer(q)
		}
	}
}

func (s *tideStation) run() {
	for {
		select {
		case r := <-s.readings:
			s.absorb(r)
		case q := <-s.asks:
			s.answer(q)
		}
	}
}

// modem delivers what the buoys have collected since the last upload.
func (s *tideStation) modem(every time.Duration, perUpload int) {
	clock := 0.0
	for range time.Tick(every) {
		for i := range perUpload {
			clock += 1.0 / 3600
			s.readings <- tideReading{Gauge: i % 16, At: clock, Level: 2.1*math.Sin(clock*0.5059) + 0.3*math.Cos(clock)}
		}
	}
}

func tideGauges(broken bool) http.HandlerFunc {
	st := &tideStation{readings: make(chan tideReading, 512), asks: make(chan tideAsk, 64)}
	if broken {
		go st.runFreshest()
	} else {
		go st.run()
	}
	go st.modem(140*time.Millisecond, 280)
	var seq atomic.Uint64
	return func(w http.ResponseWriter, r *http.Request) {
		q := tideAsk{gauge: int(seq.Add(1) % 16), reply: make(chan tideForecast, 1)}
		st.asks <- q
		f := <-q.reply
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(f)
	}
}
