"""The part of a report that says which groups of a self-trained run may have wrong names."""

from html import escape

from jzsl.driver.names import ENTRY, doubts
from jzsl.evaluation.names import DOUBTFUL, LEAST_PAIR_ACCURACY
from jzsl.report.markup import table
from jzsl.report.run_artifacts import RunArtifacts


def names_section(run: RunArtifacts) -> str:
    """A sentence, and a table of the groups by suspicion; empty for a run whose names were not judged."""
    names = run.result.get(ENTRY)
    if not names:
        return ""
    share = names["pair_accuracy"]
    if share is None or share < LEAST_PAIR_ACCURACY:
        shown = "" if share is None else f": of pairs of seen classes left out, {100 * share:.0f} % get the right names"
        return (
            f'<p class="quiet">Whether groups have the right names cannot be judged on these data, whose semantics do '
            f"not predict classes that regressions were not trained on{shown}.</p>"
        )
    sentence = doubts(run.result) or f"No group's name is doubtful (suspicion {DOUBTFUL} or more)"
    groups = sorted(names["groups"], key=lambda group: -group["suspicion"])
    rows = [[group["name"], f"{group['samples']:.0f}", group["suspicion"]] for group in groups]
    caption = (
        "Groups of unlabelled samples by how little the class semantics support their names, judged without test labels"
        f"; 1 is chance; of pairs of seen classes left out, {100 * share:.0f} % get the right names"
    )
    return (
        f"<p>{escape(sentence)}.</p><details><summary>Names of groups</summary>"
        f"{table(caption, ['group', 'samples', 'suspicion'], rows, digits=2)}</details>"
    )
