"""`look`: what a decision needs to know, from one snapshot."""

from __future__ import annotations

import sqlite3

from purchase_core.ports.store import Question, View
from purchase_sql import decode
from purchase_sql.clusters import ClusterTexts
from purchase_sql.decode import Record
from purchase_sql.encode import pair_list, text_list
from purchase_sql.texts import Texts
from purchase_sqlite.writer import Execute


def look(texts: Texts, clusters: ClusterTexts, execute: Execute, question: Question) -> View:
    """Ask for each kind of thing within one read transaction: lanes are as old as the rest."""
    objects, whole = text_list(question.objects), question.whole_lanes
    execute("BEGIN", ())
    try:
        lanes = text_list((*question.lanes, *whole) if whole else question.lanes)
        found_lanes = execute(texts.look_lanes, (lanes, objects)).fetchall()
        references = execute(texts.look_references, (objects,)).fetchall()
        found_clusters = execute(texts.look_clusters, (objects,)).fetchall()
        if whole:
            found_clusters += execute(texts.look_whole_lanes, (text_list(whole),)).fetchall()
        prices: list[Record] = []
        if question.prices:
            prices = execute(texts.look_prices, (pair_list(question.prices),)).fetchall()
    finally:
        _end(execute)
    return View(
        {record[0]: decode.reference(record) for record in references},
        {(record[0], record[1]): decode.price(record) for record in prices},
        decode.lanes(found_lanes),
        {record[0]: clusters.read(*record) for record in found_clusters},
    )


def _end(execute: Execute) -> None:
    """End the read transaction, whatever happens: every later look would begin one within it."""
    try:
        execute("COMMIT", ())
    except sqlite3.Error:
        execute("ROLLBACK", ())
        raise
