"""Bradley–Terry strengths of posts, with intervals.

A post of strength s beats one of strength t with probability 1 / (1 + exp(t - s)). That is a
logistic regression without intercept in which a comparison's row holds 1 for one post and -1 for
the other (A. Agresti, Categorical Data Analysis, 3rd ed. 2013, section 11.6). A tie is half a win
for each.

Strengths have a normal prior, so that a post that always won gets a finite strength, and posts
whose comparisons nothing connects stay comparable. How far they spread is told by the verdicts
themselves, and where they leave it open, the widest spread is taken that they bear out; so
intervals hold the truth as often as they say, also where pairs were chosen by former verdicts,
which a prior that is too wide would make look further apart than they are.
"""

import math
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.linalg import eigh_tridiagonal
from scipy.sparse.linalg import cg
from scipy.special import expit

Floats: TypeAlias = npt.NDArray[np.float64]
Numbers: TypeAlias = npt.NDArray[np.int64]

# Points of Elo for a unit of strength: odds of 10 to 1 are 400 points.
POINTS: Final = 400 / math.log(10)
# Standard deviations of the prior: from 50 to 987 points of Elo, each 1.35 times the last.
_SPREADS: Final = 50 * 1.35 ** np.arange(11.0) / POINTS
# Spreads are borne out whose log likelihood is this near to the best: half of 6.63, what a
# chi-squared variable of one degree of freedom stays below in 99 % of cases.
_NEAR: Final = 6.63 / 2
# So many verdicts a post are enough to tell how far strengths spread.
_TELLING: Final = 10
# Up to here all variances are computed exactly, from the inverse of a matrix this wide.
_EXACT: Final = 1_500
_SAMPLES: Final = 32
_PROBES, _STEPS = 3, 12
# Steps of a fit: what need not be improved upon, and the longest.
_ENOUGH, _FAR = 1e-7, 2.0


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
        return Strengths(np.zeros(posts), np.full(posts, _SPREADS[-1]))
    regression = _Regression(_design(a, b, posts), score, weight)
    thin = slice(None, None, max(1, len(a) // (_TELLING * posts)))
    spread = _spread(_Regression(_design(a[thin], b[thin], posts), score[thin], weight[thin]))
    values = regression.strengths(spread)
    return Strengths(values, np.sqrt(_variances(regression.information(values, spread))))


def _design(a: Numbers, b: Numbers, posts: int) -> sparse.csr_array:
    """A row for each comparison: 1 for a, -1 for b."""
    rows = len(a)
    columns = np.column_stack([a, b]).ravel()
    starts = np.arange(0, 2 * rows + 1, 2)
    return sparse.csr_array((np.tile([1.0, -1.0], rows), columns, starts), (rows, posts))


class _Regression:
    """The logistic regression of verdicts, for one prior after another.

    Args:
        design: A row for each comparison.
        score: float64[n], of the first post.
        weight: float64[n], as how many verdicts one counts.
    """

    def __init__(self, design: sparse.csr_array, score: Floats, weight: Floats) -> None:
        self._design, self._score, self._weight = design, score, weight
        # How many a post has, on average.
        self.verdicts = 2 * design.shape[0] / design.shape[1]
        # Each fit starts from the one before.
        self._values = np.zeros(design.shape[1])

    def strengths(self, spread: float) -> Floats:
        """The likeliest strengths under a prior of this standard deviation.

        Newton's method (Bishop, section 4.3.3), held back where its parabola would lead too far.
        """
        step = np.full(1, np.inf)
        while np.abs(step).max() > _ENOUGH:
            residual = self._score - expit(self._design @ self._values)
            slope = self._design.T @ (self._weight * residual) - self._values / spread**2
            information = self.information(self._values, spread)
            jacobi = sparse.diags_array(1 / information.diagonal())
            step, _ = cg(information, slope, M=jacobi, rtol=1e-6)
            self._values = self._values + step / max(1.0, np.abs(step).max() / _FAR)
        return self._values

    def information(self, values: Floats, spread: float) -> sparse.csr_array:
        """Observed Fisher information of likelihood and prior; its inverse is the covariance."""
        expected = expit(self._design @ values)
        curvature = sparse.diags_array(self._weight * expected * (1 - expected))
        prior = sparse.diags_array(np.full(len(values), spread**-2))
        return sparse.csr_array(self._design.T @ curvature @ self._design + prior)

    def evidence(self, spread: float) -> float:
        """Log likelihood of a spread by the Laplace approximation, but for a constant.

        Bishop, section 4.4.1, with the strengths integrated out.
        """
        values = self.strengths(spread)
        odds = self._design @ values
        likelihood = self._weight @ (self._score * odds - np.logaddexp(0, odds))
        prior = -(values @ values) / (2 * spread**2) - len(values) * math.log(spread)
        return float(likelihood + prior - _log_determinant(self.information(values, spread)) / 2)


def _spread(regression: _Regression) -> float:
    """The widest spread of strengths that the verdicts bear out.

    What the Laplace approximation finds is too narrow where a post has few verdicts: by about the
    share of two among them, as simulation shows (`egregora_dag_tests.evaluations.pairs`).
    """
    margin = 1 + min(2 / regression.verdicts, 0.5)
    evidence = np.array([regression.evidence(spread) for spread in _SPREADS])
    least = evidence.max() - _NEAR
    last = int(np.nonzero(evidence >= least)[0].max())
    if last + 1 == len(_SPREADS):
        return float(_SPREADS[last])
    # Where the line between this one and the next falls below.
    share = (evidence[last] - least) / (evidence[last] - evidence[last + 1])
    return float(margin * _SPREADS[last] * (_SPREADS[last + 1] / _SPREADS[last]) ** share)


def _log_determinant(information: sparse.csr_array) -> float:
    """Logarithm of the determinant of a positive definite matrix.

    That of a large one is sampled by Lanczos quadrature, with the same random vectors each time:
    S. Ubaru, J. Chen and Y. Saad, Fast estimation of tr(f(A)) via stochastic Lanczos quadrature
    (SIAM Journal on Matrix Analysis and Applications 38, 2017).
    """
    size = information.shape[0]
    if size <= _EXACT:
        return float(np.linalg.slogdet(information.toarray())[1])
    diagonal = information.diagonal()
    scale = sparse.diags_array(diagonal**-0.5)
    scaled = scale @ information @ scale
    random = np.random.default_rng(0)
    trace = 0.0
    for _ in range(_PROBES):
        vector = random.choice([-1.0, 1.0], size) / math.sqrt(size)
        before, off = np.zeros(size), 0.0
        alphas, betas = [], []
        for _ in range(_STEPS):
            following = scaled @ vector - off * before
            alphas.append(vector @ following)
            following -= alphas[-1] * vector
            off = float(np.linalg.norm(following))
            betas.append(off)
            before, vector = vector, following / off
        roots, vectors = eigh_tridiagonal(np.array(alphas), np.array(betas[:-1]))
        trace += size * (vectors[0] ** 2 @ np.log(roots))
    return float(np.log(diagonal).sum() + trace / _PROBES)


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
