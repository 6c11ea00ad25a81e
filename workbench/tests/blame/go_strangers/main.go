package main

import (
	"fmt"
	"log"
	"net/http"
	"net/http/pprof"
	"os"
	"strconv"
)

// debugPort serves pprof apart from the service's own port (PORT+1).
func debugPort(port int) {
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	go func() {
		log.Println(http.ListenAndServe(fmt.Sprintf("127.0.0.1:%d", port), mux))
	}()
}

// whole programs take their address and serve by themselves, some of them pprof too.
var whole = map[string]func(broken bool, addr string) error{
	"bike-routes":   runBikeRoutes,
	"cash-ledger":   runCashLedger,
	"comment-wall":  runCommentWall,
	"fare-finder":   runFareFinder,
	"parcel-labels": runParcelLabels,
	"reading-room":  runReadingRoom,
	"repair-desk":   runRepairDesk,
	"stock-check":   runStockCheck,
	"ticket-desk":   runTicketDesk,
}

func main() {
	if len(os.Args) != 4 || (os.Args[2] != "broken" && os.Args[2] != "healthy") {
		fmt.Fprintln(os.Stderr, "usage: strangers NAME broken|healthy PORT")
		os.Exit(2)
	}
	broken := os.Args[2] == "broken"
	port, err := strconv.Atoi(os.Args[3])
	if err != nil {
		log.Fatal(err)
	}
	if run, ok := whole[os.Args[1]]; ok {
		log.Fatal(run(broken, "127.0.0.1:"+os.Args[3]))
	}
	var handler http.Handler
	switch os.Args[1] {
	case "orchard-board":
		debugPort(port + 1)
		handler = newOrchard(broken)
	case "meadow-sheet":
		debugPort(port + 1)
		handler = newMeadow(broken)
	case "lantern-relay":
		handler = newLantern(broken)
	default:
		log.Fatalf("unknown program %q", os.Args[1])
	}
	log.Fatal(http.ListenAndServe(fmt.Sprintf("127.0.0.1:%d", port), handler))
}
