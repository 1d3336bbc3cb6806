"""Watches a camera, a file or a stream as it plays: who is seen, and what each person scores now.

from pipeline.live.feeds import open_feed
from pipeline.live.watch import Watch

with open_feed("0") as feed, Watch(feed, Scanner()) as watch:
    for moment in watch.moments():
        print(moment.events)
"""
