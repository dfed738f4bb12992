"""Bradley–Terry strengths of posts, with intervals.

A post of strength s beats one of strength t with probability 1 / (1 + exp(t - s)). That is a
logistic regression without intercept in which a comparison's row holds 1 for one post and -1 for
the other (A. Agresti, Categorical Data Analysis, 3rd ed. 2013, section 11.6), so scikit-learn's
fits it, sparse, for any number of posts. A tie is half a win for each.

Strengths have a wide normal prior, so that a post that always won gets a finite strength, and posts
whose comparisons nothing connects stay comparable, with intervals that say how little is known.
"""

import math
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.sparse.linalg import cg
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

Floats: TypeAlias = npt.NDArray[np.float64]
Numbers: TypeAlias = npt.NDArray[np.int64]

# Points of Elo for a unit of strength: odds of 10 to 1 are 400 points.
POINTS: Final = 400 / math.log(10)
# Standard deviation of the prior, 500 points of Elo: wider than posts differ, so that intervals
# are rather too wide than too narrow.
_PRIOR: Final = 500 / POINTS
# Up to here all variances are computed exactly, from the inverse of a matrix this wide.
_EXACT: Final = 1_500
_SAMPLES: Final = 32


@dataclass(frozen=True)
class Strengths:
    """What a fit gives, in natural logarithms of odds.

    Attributes:
        values: float64[posts], the strengths, around 0.
        errors: float64[posts], their standard errors.
    """

    values: Floats
    errors: Floats


def fit(a: Numbers, b: Numbers, score: Floats, weight: Floats, posts: int) -> Strengths:
    """The strengths that make verdicts likeliest, with their standard errors.

    The errors come from the observed Fisher information of likelihood and prior (the Laplace
    approximation of the posterior: C. Bishop, Pattern Recognition and Machine Learning, 2006,
    section 4.4).

    Args:
        a: int64[n], number of one post, from 0.
        b: int64[n], number of the other.
        score: float64[n], 1 where a won, 0 where b did, 0.5 for a tie.
        weight: float64[n], as how many verdicts one counts; above 0.
        posts: How many posts there are.

    Returns:
        Strengths and errors of all posts; the same for the same arguments.
    """
    if not len(a):
        return Strengths(np.zeros(posts), np.full(posts, _PRIOR))
    design = _design(a, b, posts)
    values = _likeliest(design, score, weight)
    return Strengths(values, np.sqrt(_variances(_information(design, weight, values))))


def _design(a: Numbers, b: Numbers, posts: int) -> sparse.csr_array:
    """A row for each comparison: 1 for a, -1 for b."""
    rows = len(a)
    columns = np.column_stack([a, b]).ravel()
    starts = np.arange(0, 2 * rows + 1, 2)
    return sparse.csr_array((np.tile([1.0, -1.0], rows), columns, starts), (rows, posts))


def _likeliest(design: sparse.csr_array, score: Floats, weight: Floats) -> Floats:
    """The strengths at the maximum of likelihood and prior.

    A tie is two rows of half the weight, one of each outcome.
    """
    won, lost = score > 0, score < 1
    # Both outcomes must occur; a row of no weight is no evidence.
    won[0] = lost[0] = True
    model = LogisticRegression(C=_PRIOR**2, fit_intercept=False, tol=1e-8, max_iter=1_000)
    model.fit(
        sparse.vstack([design[won], design[lost]]).tocsr(),
        np.repeat([1, 0], [won.sum(), lost.sum()]),
        sample_weight=np.concatenate([(weight * score)[won], (weight * (1 - score))[lost]]),
    )
    return np.array(model.coef_[0])


def _information(design: sparse.csr_array, weight: Floats, values: Floats) -> sparse.csr_array:
    """Observed Fisher information of likelihood and prior; its inverse is the covariance."""
    expected = expit(design @ values)
    curvature = sparse.diags_array(weight * expected * (1 - expected))
    prior = sparse.diags_array(np.full(len(values), _PRIOR**-2))
    return sparse.csr_array(design.T @ curvature @ design + prior)


def _variances(information: sparse.csr_array) -> Floats:
    """The diagonal of the information's inverse."""
    if information.shape[0] <= _EXACT:
        return np.array(np.linalg.inv(information.toarray()).diagonal())
    return _sampled_variances(information)


def _sampled_variances(information: sparse.csr_array) -> Floats:
    """The diagonal of the inverse of a sparse matrix that is too large to be inverted.

    Draws vectors of this covariance (G. Papandreou and A. Yuille, Gaussian sampling by local
    perturbations, NIPS 2010) and takes for each entry the variance that is left when all others
    are known, which is exact, plus that of what the others let expect, which is sampled: P. Sidén
    et al., Efficient covariance approximations for large sparse precision matrices (Journal of
    Computational and Graphical Statistics 27, 2018). The random numbers are the same each time.

    Args:
        information: A Laplacian with positive weights plus a positive diagonal.

    Returns:
        float64[posts], to a few per cent.
    """
    diagonal = information.diagonal()
    upper = sparse.coo_array(sparse.triu(information, k=1))
    roots = np.sqrt(-upper.data)
    edges = sparse.coo_array(
        (
            np.concatenate([roots, -roots]),
            (np.tile(np.arange(len(roots)), 2), np.concatenate(upper.coords)),
        ),
        (len(roots), len(diagonal)),
    ).tocsr()
    own = np.sqrt(np.maximum(information.sum(axis=1), 0.0))
    others = information - sparse.diags_array(diagonal)
    jacobi = sparse.diags_array(1 / diagonal)
    random = np.random.default_rng(0)
    squares = np.zeros(len(diagonal))
    for _ in range(_SAMPLES):
        noise = edges.T @ random.standard_normal(len(roots))
        noise += own * random.standard_normal(len(diagonal))
        drawn, _ = cg(information, noise, M=jacobi, rtol=1e-3)
        squares += (others @ drawn / diagonal) ** 2
    return np.asarray(1 / diagonal + squares / _SAMPLES)
