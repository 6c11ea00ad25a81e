package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	_ "net/http/pprof"
	"sync/atomic"
	"time"
)

// Fare finder: asks two carriers for a fare and quotes whichever answers first.

type fareOffer struct {
	Carrier string `json:"carrier"`
	Cents   int    `json:"cents"`
	err     error
}

type fareFinder struct {
	carriers []string
	client   *http.Client
	asked    atomic.Int64
}

// carrier stands for the fare service of one company.
func carrier(name string, base int) (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/fare", func(w http.ResponseWriter, r *http.Request) {
		extra := 0
		for _, c := range r.URL.Query().Get("to") {
			extra = (extra*31 + int(c)) % 4000
		}
		time.Sleep(time.Duration(4000+extra%700) * time.Microsecond) // its own search
		json.NewEncoder(w).Encode(fareOffer{Carrier: name, Cents: base + extra})
	})
	go http.Serve(ln, mux)
	return "http://" + ln.Addr().String() + "/fare", nil
}

func (f *fareFinder) ask(url, to string) (offer fareOffer) {
	resp, err := f.client.Get(url + "?to=" + to)
	if err != nil {
		return fareOffer{err: err}
	}
	defer resp.Body.Close()
	offer.err = json.NewDecoder(resp.Body).Decode(&offer)
	return offer
}

func (f *fareFinder) quote(url, to string, offers chan<- fareOffer) {
	offers <- f.ask(url, to) // guilty
}

// quickest sends everybody off and takes the first that comes back.
func (f *fareFinder) quickest(to string) fareOffer {
	offers := make(chan fareOffer) // guilty
	for _, url := range f.carriers {
		go f.quote(url, to, offers) // guilty
	}
	return <-offers
}

// first does so too, with room for the answers nobody waits for.
func (f *fareFinder) first(to string) fareOffer {
	offers := make(chan fareOffer, len(f.carriers))
	for _, url := range f.carriers {
		go f.quote(url, to, offers)
	}
	return <-offers
}

func (f *fareFinder) destination() string {
	towns := []string{"ulm", "graz", "bern", "lille", "turin", "ghent", "porto"}
	return towns[f.asked.Add(1)%int64(len(towns))]
}

func runFareFinder(broken bool, addr string) error {
	f := &fareFinder{client: &http.Client{
		Timeout:   5 * time.Second,
		Transport: &http.Transport{MaxIdleConnsPerHost: 64},
	}}
	for i, name := range []string{"northline", "bluecoach"} {
		url, err := carrier(name, 1900+i*150)
		if err != nil {
			return err
		}
		f.carriers = append(f.carriers, url)
	}
	find := f.first
	if broken {
		find = f.quickest
	}
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		to := f.destination()
		offer := find(to)
		if offer.err != nil {
			http.Error(w, offer.err.Error(), http.StatusBadGateway)
			return
		}
		fmt.Fprintf(w, "to %s with %s: %d.%02d\n", to, offer.Carrier, offer.Cents/100, offer.Cents%100)
	})
	return http.ListenAndServe(addr, nil)
}
