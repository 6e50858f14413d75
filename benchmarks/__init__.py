"""What a query costs, beside other servers and beside the limit of the machine.

    python -m benchmarks                    # make bench: every list, and benchmarks/RESULTS.md
    python -m benchmarks --quick            # make bench-quick: one small list, under a minute

The path of a run, in order:

    programs    what has to be there: dnsperf, rbldnsd, a C compiler (echo.c, probe.c)
    lists       random addresses and policy ranges, from a seed   → build/bench/lists
    questions   what is asked of them, half of it listed          → the same folder
    prepared    the product's database of a list, by its own import, timed
    peers       the servers: echo, rbldnsd, the product           → a process each
    rounds      peers in turn: start, check, load, latency        → figures
    placement   a processor for the server, the others for the load
    load, probe, accounting   dnsperf's rate; a client's latency; /proc's CPU and memory
    changes     the product while it is changed: commits under load, 1,000 a second
    added       one listing added to the radix, without a server
    figures     all that was measured, kept as JSON               → build/bench/figures.json
    aims        what should hold, as ratios in one run
    report, plot              RESULTS.md and cost.svg, from the JSON alone

`propagation` is a benchmark of its own: from commit to answer, by writer; so are
`kinds`, of other kinds of list, and `portal`, of the portal beside DNS.

A new scenario is a function that adds figures under new names, and a line in
`report` or `aims`; a new peer is a `Peer`; a new list a `ListPlan`.
"""
