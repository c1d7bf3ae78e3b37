"""Benchmarks of insarfeat: one table of cases feeds correctness against peers, throughput and memory.

``cases`` is the table, ``peers`` the other tools, ``machine`` the computer and its limits, ``measure`` the
stop-watch inside a process, ``runner`` the processes, ``results`` the record and ``verb`` the command line.
"""
