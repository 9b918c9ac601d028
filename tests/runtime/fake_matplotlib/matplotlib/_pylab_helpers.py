"""The managers of open figures, by number."""

managers = {}


class Gcf:
    @staticmethod
    def get_all_fig_managers():
        return list(managers.values())

    @staticmethod
    def destroy(manager):
        managers.pop(manager.num, None)
