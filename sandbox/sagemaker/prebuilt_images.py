"""Images that AWS offers: the registries that hold them, an account each, which varies by Region."""

# The scikit-learn and XGBoost framework images.
SCIKIT_LEARN = {
    "us-east-1": "683313688378",
    "us-east-2": "257758044811",
    "us-west-1": "746614075791",
    "us-west-2": "246618743249",
    "ca-central-1": "341280168497",
    "sa-east-1": "737474898029",
    "eu-west-1": "141502667606",
    "eu-west-2": "764974769150",
    "eu-west-3": "659782779980",
    "eu-central-1": "492215442770",
    "eu-north-1": "662702820516",
    "eu-south-1": "978288397137",
    "ap-northeast-1": "354813040037",
    "ap-northeast-2": "366743142698",
    "ap-northeast-3": "867004704886",
    "ap-south-1": "720646828776",
    "ap-southeast-1": "121021644041",
    "ap-southeast-2": "783357654285",
    "ap-east-1": "651117190479",
    "me-south-1": "801668240914",
    "af-south-1": "510948584623",
}
_DEEP_LEARNING_CONTAINERS = """
    763104351884 626614931356 871362719292 975050140332 364406365360 772153158452 907027046896 457447274322
    550225433462 633930458069 590183813437 204538143572 727897471807 380420809688 692866216735 503227376785
    780543022126 914824155844 217643126080 637423239942 446045086412 442386744353
""".split()  # noqa: SIM905 - as a literal, each would take a line

ACCOUNTS = frozenset([*SCIKIT_LEARN.values(), *_DEEP_LEARNING_CONTAINERS])
