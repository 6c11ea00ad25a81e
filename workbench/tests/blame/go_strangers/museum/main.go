package main

import (
	"fmt"
	"log"
	"net/http"
	_ "net/http/pprof"
	"os"
)

var programs = map[string]func(broken bool) http.HandlerFunc{
	"stock-mirror":  stockMirror,
	"museum-labels": museumLabels,
	"station-clock":    departures,
	"fx-quorum":     fxQuorum,
	"parking-gate":  parkingGate,
}

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: blind NAME broken|healthy PORT")
		os.Exit(2)
	}
	start, ok := programs[os.Args[1]]
	if !ok || (os.Args[2] != "broken" && os.Args[2] != "healthy") {
		fmt.Fprintln(os.Stderr, "unknown program or variant")
		os.Exit(2)
	}
	http.HandleFunc("/", start(os.Args[2] == "broken"))
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Args[3], nil))
}
