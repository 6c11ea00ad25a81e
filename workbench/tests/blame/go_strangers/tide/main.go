package main

import (
	"fmt"
	"net/http"
	"net/http/pprof"
	"os"
)

var programs = map[string]func(broken bool) http.HandlerFunc{
	"parcel-rates": parcelRates,
	"card-switch":  cardSwitch,
	"lock-fleet":   lockFleet,
	"tide-gauges":  tideGauges,
	"seat-store":     seatMap,
}

func main() {
	if len(os.Args) != 4 || programs[os.Args[1]] == nil || (os.Args[2] != "broken" && os.Args[2] != "healthy") {
		fmt.Fprintln(os.Stderr, "usage: blind NAME broken|healthy PORT")
		os.Exit(2)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	mux.HandleFunc("GET /{$}", programs[os.Args[1]](os.Args[2] == "broken"))
	if err := http.ListenAndServe("127.0.0.1:"+os.Args[3], mux); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
