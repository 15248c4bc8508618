-- Who made a backup, and where one was restored, goes on the record.

ALTER TABLE mx.audit_log
    DROP CONSTRAINT audit_log_action_check,
    ADD CONSTRAINT audit_log_action_check CHECK (action IN (
        'sync.asked', 'sync.refused', 'sync.cancelled',
        'merchant.added', 'merchant.changed', 'merchant.paused', 'merchant.resumed', 'merchant.removed',
        'credential.used', 'credential.changed', 'keys.rotated',
        'user.added', 'user.changed', 'user.removed', 'user.invited', 'owner.changed',
        'permission.granted', 'permission.changed', 'permission.revoked',
        'access.refused', 'access.reviewed', 'access.disagreed', 'access.mode_changed',
        'login.granted', 'login.revoked', 'token.issued', 'token.revoked', 'session.opened', 'session.closed',
        'names.read', 'data.exported', 'workflow.changed', 'category.changed',
        'override.set', 'override.removed', 'quarantine.replayed',
        'webhook.added', 'webhook.removed', 'backup.made', 'backup.restored'));
