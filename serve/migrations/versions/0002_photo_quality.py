"""What is wrong with each photo itself; of photos sent before, nothing is known."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("case_photos", sa.Column("quality", sa.JSON(), nullable=False, server_default="[]"))


def downgrade() -> None:
    op.drop_column("case_photos", "quality")
