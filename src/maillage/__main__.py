from maillage.faces.cli.main import main

main()
