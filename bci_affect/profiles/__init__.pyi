from .consent import NOTICE as NOTICE
from .consent import has_consented as has_consented
from .consent import store_consent as store_consent
from .exchange import export_profile as export_profile
from .exchange import import_profile as import_profile
from .lock import hold_profile as hold_profile
from .personal_state import PersonalState as PersonalState
from .personal_state import starting_state as starting_state
from .records import Profile as Profile
from .records import model_identity as model_identity
from .records import normalisation_key as normalisation_key
from .store import ProfileStore as ProfileStore

__all__ = [
    "NOTICE",
    "PersonalState",
    "Profile",
    "ProfileStore",
    "export_profile",
    "has_consented",
    "hold_profile",
    "import_profile",
    "model_identity",
    "normalisation_key",
    "starting_state",
    "store_consent",
]
