"""Ten minutes of load on the three services while they and the connections between them fail at random. `make soak`.

services.py  the services as processes of this machine: started, killed with SIGKILL, stopped with SIGSTOP, started again
link.py      the TCP link between aggregator and upstream, which can reset, cut, delay and refuse
load.py      callers, and what each of their groups came to
__main__.py  the schedule of faults, the verdict, benchmarks/results/soak.json
"""
