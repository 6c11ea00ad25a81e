package main

// The desk where people ask for their parcels. It looks each one up at the
// depot, which is a service of its own and speaks HTTP.

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
)

type parcel struct {
	ID    string   `json:"id"`
	Shelf string   `json:"shelf"`
	Grams int      `json:"grams"`
	Trail []string `json:"trail"`
}

type depotClient struct {
	base   string
	http   *http.Client
	lookup func(d *depotClient, id string) (*parcel, error)
}

func parcelDesk(broken bool) http.Handler {
	d := &depotClient{
		base:   startDepot(),
		http:   &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 32}},
		lookup: findParcel,
	}
	if broken {
		d.lookup = askDepot
	}
	var seq atomic.Int64
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := parcelID(seq.Add(1))
		p, err := d.lookup(d, id)
		if err != nil {
			http.Error(w, "depot: "+err.Error(), http.StatusBadGateway)
			return
		}
		io.WriteString(w, receipt(id, p))
	})
}

// askDepot returns nil when the depot has not scanned the parcel yet.
func askDepot(d *depotClient, id string) (*parcel, error) {
	resp, err := d.http.Get(d.base + "/parcels/" + id) // guilty
	if err != nil {
		return nil, err
	}
	if resp.StatusCode == http.StatusNotFound {
		return nil, nil // guilty
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("unexpected status %s", resp.Status) // guilty
	}
	defer resp.Body.Close()
	return readParcel(resp.Body)
}

// findParcel returns nil when the depot has not scanned the parcel yet.
func findParcel(d *depotClient, id string) (*parcel, error) {
	resp, err := d.http.Get(d.base + "/parcels/" + id)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusNotFound {
		io.Copy(io.Discard, resp.Body)
		return nil, nil
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("unexpected status %s", resp.Status)
	}
	return readParcel(resp.Body)
}

func readParcel(r io.Reader) (*parcel, error) {
	raw, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	var p parcel
	if err := json.Unmarshal(raw, &p); err != nil {
		return nil, err
	}
	return &p, nil
}

func receipt(id string, p *parcel) string {
	if p == nil {
		return fmt.Sprintf("%s: announced, not yet at the depot\n", id)
	}
	return fmt.Sprintf("%s: shelf %s, %d g, via %s\n", p.ID, p.Shelf, p.Grams, strings.Join(p.Trail, " > "))
}

func parcelID(n int64) string {
	return fmt.Sprintf("NL%07d", n*37%9_999_991)
}

// The depot.

func startDepot() string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/parcels/", serveParcel)
	go http.Serve(ln, mux)
	return "http://" + ln.Addr().String()
}

func serveParcel(w http.ResponseWriter, r *http.Request) {
	id := strings.TrimPrefix(r.URL.Path, "/parcels/")
	sum := 0
	for _, c := range id {
		sum = sum*31 + int(c)
	}
	w.Header().Set("Content-Type", "application/json")
	if sum%5 == 0 {
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprintf(w, `{"error":"no scan for %s"}`, id)
		return
	}
	json.NewEncoder(w).Encode(parcel{
		ID:    id,
		Shelf: fmt.Sprintf("%c%d", 'A'+sum%20, sum%40),
		Grams: 100 + sum%4000,
		Trail: []string{"Utrecht", "Zwolle", "Assen"},
	})
}
